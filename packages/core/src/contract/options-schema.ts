/**
 * What a provider says of its options for a configuration that is data: as a JSON schema (draft 2020-12), which editors
 * understand as well.
 */

type JsonType = 'string' | 'number' | 'integer' | 'boolean' | 'array' | 'object';

/** A JSON schema, as far as options need one. */
export interface OptionSchema {
  /** What a value must be, as the end of a sentence: `a path, or { variable: 'NAME' }`. Default: by the rest. */
  readonly title?: string;
  readonly description?: string;
  readonly type?: JsonType | readonly JsonType[];
  readonly enum?: readonly (string | number)[];
  readonly const?: string;
  readonly minLength?: number;
  /** A regular expression that a text must match. */
  readonly pattern?: string;
  readonly minimum?: number;
  readonly minItems?: number;
  readonly items?: OptionSchema;
  readonly properties?: Readonly<Record<string, OptionSchema>>;
  readonly required?: readonly string[];
  /** What the other members of an object must be; `false`: there are none. */
  readonly additionalProperties?: false | OptionSchema;
  readonly propertyNames?: OptionSchema;
  /** `{}`: the option holds a secret, and so has no place in a file of a repository. */
  readonly not?: Readonly<Record<string, never>>;
}

/**
 * All options of a factory but those `OfPrograms`, which only a program can give: a function, a client, an
 * environment. Whether a place of the chain is `required`, its `timeout` and the like are no options of a provider.
 *
 * @example
 * ```ts
 * import type { OptionsSchema } from '@keyfall/core/provider';
 *
 * interface DrawerOptions {
 *   readonly path: string;
 *   readonly token?: string;
 *   readonly fetch?: typeof fetch;
 *   readonly name?: string;
 * }
 *
 * export const drawerOptionsSchema: OptionsSchema<DrawerOptions, 'fetch'> = {
 *   properties: {
 *     path: { type: 'string', minLength: 1 },
 *     token: { not: {} },
 *     name: { type: 'string', minLength: 1 },
 *   },
 *   required: ['path'],
 * };
 * ```
 */
export interface OptionsSchema<Options, OfPrograms extends keyof Options = never> {
  readonly properties: {
    readonly [Option in Exclude<keyof Options, OfPrograms>]-?: OptionSchema;
  };
  readonly required?: readonly Exclude<keyof Options, OfPrograms>[];
}

/** The schema of an option that is a `Duration`. */
export const durationSchema: OptionSchema = {
  title: "a length of time: milliseconds, or text such as '30s' or '5m'",
  type: ['number', 'string'],
  minimum: 0,
  pattern: String.raw`^\d+(\.\d+)?(ms|s|m|h|d)$`,
};
