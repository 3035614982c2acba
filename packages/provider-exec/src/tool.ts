/**
 * A tool that prints the value of one name: it is started once for each name, a few at a time.
 */
import { isUtf8 } from 'node:buffer';
import {
  nameReader,
  type ReadContext,
  type SecretBatch,
  SecretError,
  type SecretRecord,
} from '@keyfall/core/provider';
import { argumentsFor } from './command-template.ts';
import { type ExitCodes, failure } from './exit-codes.ts';
import { type Program, runProgram } from './run-program.ts';

/** One value: bytes. */
const maxOutput = 1024 * 1024;

/** A tool, and what its exit codes mean. */
export interface Tool {
  readonly program: Program;
  readonly codes: ExitCodes;
}

/** Asks for each of `names`; throws and answers as `nameReader`. */
export async function askTool(
  tool: Tool,
  names: readonly string[],
  { signal, stamp }: ReadContext,
): Promise<SecretBatch> {
  const stamped = stamp?.();
  const entries = await askEach(names, { ...tool, signal });
  return { entries, complete: false, ...(stamped !== undefined && { stamp: stamped }) };
}

const askEach = nameReader({ one: askFor });

async function askFor(
  name: string,
  { program, codes, signal }: Tool & Pick<ReadContext, 'signal'>,
): Promise<SecretRecord | SecretError | undefined> {
  const { provider, label } = program;
  const args = argumentsFor(program.args, name);
  const limits = { signal, maxOutput };
  const { exitCode, output } = await runProgram({ ...program, args }, undefined, limits);
  const invalid = (what: string) =>
    new SecretError('ERR_SECRET_INVALID', `${label} prints ${what}`, { provider });
  if (exitCode === 0) {
    // gpg says of a file that was cut that all is well; an empty value has its line break at least
    if (output.length === 0) return invalid('nothing at all');
    if (!isUtf8(output)) return invalid('something that is not UTF-8');
    return { value: output.toString().replace(/\r?\n$/, '') };
  }
  const kind = codes.get(exitCode);
  if (kind === 'missing') return undefined;
  // the next names are not asked for in vain
  if (kind === 'unavailable') throw failure(program, kind, { exitCode });
  if (kind !== undefined) return failure(program, kind, { exitCode });
  return new SecretError(
    'ERR_SECRET_INVALID',
    `${label} ended with exit code ${exitCode}, of which the option exitCodes does not say what it means`,
    {
      provider,
      setting: { option: 'exitCodes' },
      hint: 'Run it by hand for this name, and for one that is not there, and map the exit codes that tell them apart.',
    },
  );
}
