export type Json = string | number | boolean | null | undefined | Json[] | { [key: string]: Json };

/** What the generator says in the words of 3.0 (`nullable`, a lone `allOf`), said in those of 3.1. */
export function toOpenApi31(value: Json): Json {
  if (Array.isArray(value)) return value.map(toOpenApi31);
  if (typeof value !== 'object' || value === null) return value;
  const known = Object.entries(value).filter(([, inner]) => inner !== undefined);
  const { nullable, ...schema } = Object.fromEntries(known.map(([key, inner]) => [key, isData(key) ? inner : toOpenApi31(inner)]));
  return nullable === true ? orNull(schema) : nullable === undefined || nullable === false ? schema : { ...schema, nullable };
}

/** Values that only look like schemas. */
function isData(key: string): boolean {
  return key === 'example' || key === 'default';
}

function orNull(schema: Record<string, Json>): Json {
  const { type, allOf, $ref, enum: values, ...rest } = schema;
  if (typeof type === 'string') {
    return { ...rest, type: [type, 'null'], ...(Array.isArray(values) ? { enum: [...values, null] } : {}) };
  }
  if ($ref !== undefined) return { ...rest, anyOf: [{ $ref }, { type: 'null' }] };
  if (Array.isArray(allOf)) return { ...rest, anyOf: [...allOf, { type: 'null' }] };
  return schema;
}
