/**
 * The check that every factory and every method with options begins with: a mistyped option must not be taken
 * for one that was left out.
 */
import { nearNames } from '../words/near-names.ts';
import { type ArgumentKind, assertKind, configError, wrongArgument } from './arguments.ts';

/**
 * What an option may be: a kind, one of some texts, an object of options, or `'anything'` where the factory looks at it
 * itself. One that is left out or `undefined` is always right.
 */
export type OptionKind =
  | ArgumentKind
  | 'anything'
  | readonly string[]
  | { readonly [option: string]: OptionKind };

/** The options of a factory, all of them, with what each may be. */
export type OptionKinds<Options> = { readonly [Option in keyof Options]-?: OptionKind };

/**
 * Refuses anything but an object of options (`dotenvProvider('.env.prod')` must not read `.env`), an option that is not
 * among `known` (nor must `dotenvProvider({ file: '.env.prod' })`), and one of another kind.
 *
 * @param options - what the caller gave
 * @param factory - the function that was given them, for the error
 * @param known - every option that there is
 * @param group - the option that holds these, which are then called `group.option`
 * @throws `ERR_SECRET_CONFIG` naming the option, and the near one for one that there is not. The error does not
 *   repeat the value; `setting` has the option
 * @example
 * ```ts
 * import { assertOptions, type OptionKinds, type SecretProvider } from '@keyfall/core/provider';
 *
 * interface DrawerOptions {
 *   readonly address?: string | undefined;
 *   readonly links?: 'inside' | 'anywhere' | undefined;
 * }
 * const optionKinds: OptionKinds<DrawerOptions> = { address: 'text', links: ['inside', 'anywhere'] };
 *
 * export function drawerProvider(options: DrawerOptions = {}): SecretProvider {
 *   assertOptions(options, 'drawerProvider', optionKinds);
 *   // …
 *   return { name: 'drawer', store: 'drawer', read: async () => ({ entries: new Map(), complete: true }) };
 * }
 * ```
 */
export function assertOptions(
  options: unknown,
  factory: string,
  known: Readonly<Record<string, OptionKind>>,
  group?: string,
): void {
  // of whatever realm, and neither a list nor a signal or another object of the platform
  if (Object.prototype.toString.call(options) !== '[object Object]')
    throw wrongArgument(
      `${factory}: the option${group ? ` ${group}` : 's'}`,
      'an object: { option: value }',
      group,
    );
  const prefix = group ? `${group}.` : '';
  const names = Object.keys(known).map((name) => prefix + name);
  for (const [name, value] of Object.entries(options as object)) {
    const option = prefix + name;
    assertKnown(option, names, `${factory} has no option`);
    const kind = known[name] as OptionKind;
    if (value === undefined || kind === 'anything') continue;
    const what = `${factory}: the option ${option}`;
    if (typeof kind === 'string') assertKind(value, kind, what, option);
    else if (!Array.isArray(kind))
      assertOptions(value, factory, kind as Readonly<Record<string, OptionKind>>, option);
    else if (!kind.includes(value))
      throw wrongArgument(what, kind.map((text) => `'${text}'`).join(' or '), option);
  }
}

/**
 * The signal of the options of a call.
 *
 * @param more - the options that this call has besides
 * @throws `ERR_SECRET_CONFIG` as {@link assertOptions}
 */
export function signalOf(
  options: unknown,
  method: string,
  more: Readonly<Record<string, OptionKind>> = {},
): AbortSignal | undefined {
  if (options === undefined) return undefined;
  assertOptions(options, method, { signal: 'an AbortSignal', ...more });
  return (options as { readonly signal?: AbortSignal }).signal;
}

/** @throws `ERR_SECRET_CONFIG` beginning with `text` unless `name` is one of `known`; names the near one */
export function assertKnown(name: string, known: readonly string[], text: string): void {
  if (known.includes(name)) return;
  const [near] = nearNames(name, known);
  const hint = near ? `Did you mean ${near}?` : `There is: ${known.join(', ')}.`;
  throw configError(`${text} ${name}`, name, hint);
}
