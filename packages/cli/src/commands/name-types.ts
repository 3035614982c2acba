/**
 * The names of the secrets as TypeScript: a program that misspells one does not compile.
 */
import { escapeUnprintable, utf16 } from '../terminal/terminal.ts';

/**
 * A declaration file for these names, sorted.
 *
 * `SecretName` is their union, and `TypedSecrets` a chain that is asked for these alone:
 * `const secrets: TypedSecrets = createSecrets(…)`. An interface of its own and no augmentation of
 * `Secrets`: that one takes any text, so that an overload beside it would complete names and still let
 * a misspelled one through.
 */
export function declareNames(names: readonly string[]): string {
  const union =
    names.length === 0
      ? ' never'
      : [...names]
          .sort()
          .map((name) => `\n  | ${literal(name)}`)
          .join('');
  return `// ${mark} from the names of the secrets. Run it again when they change.
import type { CallOptions, GetOptions, LoadOptions, Secrets, StandardSchemaV1 } from '@keyfall/core';

/** A name that the chain holds. */
export type SecretName =${union};

/** The chain, asked for these names alone: \`const secrets: TypedSecrets = createSecrets(…)\`. */
export interface TypedSecrets extends Omit<Secrets, 'get' | 'find' | 'watch' | 'view'> {
  get(name: SecretName, options?: GetOptions): Promise<string>;
  find(name: SecretName, options?: GetOptions): Promise<string | undefined>;
  watch(
    names: SecretName | readonly SecretName[],
    options?: CallOptions,
  ): ReturnType<Secrets['watch']>;
  view<Name extends SecretName>(
    names: readonly Name[],
    options?: CallOptions,
  ): Promise<Readonly<Record<Name, string>>>;
  view<Schema extends StandardSchemaV1>(
    schema: Schema,
    options?: LoadOptions,
  ): Promise<Readonly<StandardSchemaV1.InferOutput<Schema>>>;
}
`;
}

const mark = 'Made by `keyfall types`';

/** Whether a text was declared here, be it formatted since. */
export function isOurs(text: string): boolean {
  return text.includes(mark);
}

/** A text as TypeScript has it, in quotes, on one line. */
function literal(text: string): string {
  const escaped = JSON.stringify(text).slice(1, -1).replaceAll('\\"', '"').replaceAll("'", "\\'");
  return `'${escapeUnprintable(escaped, utf16)}'`;
}
