/**
 * Standard Schema v1, what every schema library speaks: https://standardschema.dev. Copied, as the
 * specification allows, so that the core depends on nothing; only what `load` needs of it.
 */

/** A schema of zod, valibot, arktype or any other library that implements Standard Schema v1. */
export interface StandardSchemaV1<Input = unknown, Output = Input> {
  readonly '~standard': StandardSchemaV1.Props<Input, Output>;
}

export declare namespace StandardSchemaV1 {
  /** What a schema shows of itself. */
  export interface Props<Input = unknown, Output = Input> {
    readonly version: 1;
    /** The library's name. */
    readonly vendor: string;
    readonly validate: (value: unknown) => Result<Output> | Promise<Result<Output>>;
    /** For the compiler alone. */
    readonly types?: { readonly input: Input; readonly output: Output } | undefined;
  }
  /** A validated value, or what is wrong. */
  export type Result<Output> =
    | { readonly value: Output; readonly issues?: undefined }
    | { readonly issues: readonly Issue[] };
  /** One thing that is wrong. */
  export interface Issue {
    /** May quote the value that was validated. */
    readonly message: string;
    readonly path?: readonly (PropertyKey | { readonly key: PropertyKey })[] | undefined;
  }
  /** What a schema makes of a value. */
  export type InferOutput<Schema extends StandardSchemaV1> = NonNullable<
    Schema['~standard']['types']
  >['output'];
}
