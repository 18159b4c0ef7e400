/** Standard Schema, version 1 (https://standardschema.dev), which zod, valibot, arktype and others implement. Types only. */

/**
 * A schema of any library that implements Standard Schema.
 *
 * @typeParam Input - what the schema takes
 * @typeParam Output - what it gives: the type of `event.data`
 */
export interface StandardSchema<Input = unknown, Output = Input> {
  readonly '~standard': StandardSchemaProperties<Input, Output>;
}

interface StandardSchemaProperties<Input, Output> {
  readonly version: 1;
  /** Name of the library. */
  readonly vendor: string;
  readonly validate: (value: unknown) => SchemaResult<Output> | Promise<SchemaResult<Output>>;
  /** For the compiler only. */
  readonly types?: { readonly input: Input; readonly output: Output } | undefined;
}

type SchemaResult<Output> =
  | { readonly value: Output; readonly issues?: undefined }
  | { readonly issues: readonly SchemaIssue[] };

interface SchemaIssue {
  readonly message: string;
  readonly path?: readonly (PropertyKey | { readonly key: PropertyKey })[] | undefined;
}
