export type Json = string | number | boolean | null | undefined | Json[] | { [key: string]: Json };

/** What the generator says in the words of 3.0 (`nullable`, a lone `allOf`), said in those of 3.1. */
export function toOpenApi31(value: Json): Json {
  if (Array.isArray(value)) return value.map(toOpenApi31);
  if (typeof value !== 'object' || value === null) return value;
  const known = Object.entries(value).filter(([, inner]) => inner !== undefined);
  const converted = Object.fromEntries(known.map(([key, inner]) => [key, isData(key) ? inner : toOpenApi31(inner)]));
  const { nullable, ...schema } = withoutLoneAllOf(requiredWithoutDefault(converted));
  return nullable === true ? orNull(schema) : schema;
}

/** Values that only look like schemas. */
function isData(key: string): boolean {
  return key === 'example' || key === 'default';
}

/** 3.0 had no room for a description beside a `$ref`. */
function withoutLoneAllOf({ allOf, ...schema }: Record<string, Json>): Record<string, Json> {
  if (!Array.isArray(allOf)) return schema;
  return allOf.length === 1 ? { ...schema, ...(allOf[0] as Record<string, Json>) } : { ...schema, allOf };
}

/** What has a default need not be sent. */
function requiredWithoutDefault({ required, ...schema }: Record<string, Json>): Record<string, Json> {
  if (!Array.isArray(required)) return required === undefined ? schema : { ...schema, required };
  const properties = (schema['properties'] ?? {}) as Record<string, Record<string, Json> | undefined>;
  const left = (required as string[]).filter((name) => properties[name]?.['default'] === undefined);
  return left.length === 0 ? schema : { ...schema, required: left };
}

function orNull(schema: Record<string, Json>): Json {
  const { type, $ref, enum: values, ...rest } = schema;
  if (typeof type === 'string') {
    return { ...rest, type: [type, 'null'], ...(Array.isArray(values) ? { enum: [...values, null] } : {}) };
  }
  return $ref === undefined ? schema : { ...rest, anyOf: [{ $ref }, { type: 'null' }] };
}
