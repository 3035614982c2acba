/**
 * How a name gets into the arguments of a tool, and which names must not: a name may come from anywhere, and must never
 * become an option, another path or a piece of a shell's program.
 */
import { basename } from 'node:path';
import { SecretError } from '@keyfall/core/provider';

const mark = '{name}';

/** What may be in a name that stands within an argument: nothing that ends or leaves a part of a URL or a path. */
const partOfArgument = /^[\p{L}\p{M}\p{N} _.@+=:/-]+$/u;

/** Programs that run what an argument says or names. */
const interpreters =
  /^(?:(?:ba|da|z|k|fi)?sh|busybox|su|runuser|cmd|powershell|pwsh|python[\d.]*|node|perl|ruby)(?:\.exe)?$/i;

/** Programs that put their arguments together to a line for a shell elsewhere. */
const remoteShells = /^(?:ssh|rsh|mosh)(?:\.exe)?$/i;

/** The option after which a program stands. */
const programOption = /^(?:-\w*[cep]|--eval|--print|\/c|-command)$/i;

/** Whether a command is asked for one name by its arguments. */
export function isTemplate(command: readonly string[]): boolean {
  return command.some((each) => each.includes(mark));
}

/** @throws `ERR_SECRET_CONFIG` if a name would be the program, or a part of one */
export function assertTemplate(command: readonly string[], provider: string): void {
  const wrong = (what: string, hint: string) =>
    new SecretError('ERR_SECRET_CONFIG', `the option command ${what}`, {
      provider,
      setting: { option: 'command' },
      hint,
    });
  if (command[0]?.includes(mark))
    throw wrong('has {name} in the program', 'Put it into an argument.');
  if (command.some((_, at) => runsName(command, at)))
    throw wrong(
      'would run a name as a program',
      `Make {name} an argument of its own: ['sh', '-c', 'pass show -- "$1"', 'sh', '{name}'].`,
    );
}

/** Whether a program stands there, perhaps behind `env` or `sudo`, that would run what {name} stands for. */
function runsName(command: readonly string[], at: number): boolean {
  const program = basename(command[at] ?? '');
  if (remoteShells.test(program)) return true;
  if (!interpreters.test(program)) return false;
  const rest = command.slice(at + 1);
  const first = rest.findIndex((each) => !/^-|^\/c$/i.test(each));
  // a word in the middle may be anything, unless an option says that a program follows it
  if (at > 0 && !rest.slice(0, first).some((each) => programOption.test(each))) return false;
  return rest[first]?.includes(mark) === true;
}

/** The arguments for one name. */
export function argumentsFor(args: readonly string[], name: string): readonly string[] {
  return args.map((each) => each.replaceAll(mark, () => name));
}

/** Why a program must not be asked for this name, if it must not. */
export function whyNotAskable([, ...args]: readonly string[], name: string): string | undefined {
  if (/\p{Cc}/u.test(name)) return 'it holds a control character';
  if (!name.isWellFormed()) return 'it holds half a character';
  if (!args.some((each) => each.includes(mark))) return undefined;
  if (name === '') return 'it is empty';
  if (name.split(/[\\/]/).some((each) => each === '.' || each === '..'))
    return 'it has . or .. as a part of a path';
  const beforeEnd = args.slice(0, args.includes('--') ? args.indexOf('--') : args.length);
  if (name.startsWith('-') && beforeEnd.some((each) => each.startsWith(mark)))
    return 'it begins with a hyphen, and would be an option';
  const isWithin = args.some((each) => each.includes(mark) && each !== mark);
  if (isWithin && (!partOfArgument.test(name) || /^\/|\/\/|\/$/.test(name)))
    return 'it has a character with a meaning of its own in the argument that it would stand in';
  return undefined;
}
