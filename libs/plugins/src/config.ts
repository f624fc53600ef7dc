import { plainToInstance } from 'class-transformer';
import { validateSync, type ValidationError } from 'class-validator';
import type { FieldError } from '#domain/errors';

/** A class-validator class: request check, OpenAPI and form in one. Field initialisers are the defaults. */
export type ConfigClass<C extends object> = new () => C;

/**
 * The config with its defaults filled in, or every bad field by JSON Pointer.
 * Unknown fields are errors; the input is never changed.
 */
export function checkConfig<C extends object>(
  type: ConfigClass<C>,
  input: unknown,
  pointer = '',
): { value: C; errors: FieldError[] } {
  if (typeof input !== 'object' || input === null || Array.isArray(input)) {
    return { value: new type(), errors: [{ pointer, detail: 'must be a JSON object' }] };
  }
  const value = plainToInstance(type, structuredClone(input), { exposeDefaultValues: true });
  // To class-validator an instance of a class without fields is an "unknown value"; its unknown fields are found anyway.
  const forbidUnknownValues = Object.keys(new type()).length > 0;
  const found = validateSync(value, { whitelist: true, forbidNonWhitelisted: true, forbidUnknownValues });
  return { value, errors: found.flatMap((error) => flatten(error, pointer)) };
}

function flatten(error: ValidationError, above: string): FieldError[] {
  const pointer = `${above}/${error.property.replaceAll('~', '~0').replaceAll('/', '~1')}`;
  const own = Object.values(error.constraints ?? {}).map((detail) => ({ pointer, detail }));
  return [...own, ...(error.children ?? []).flatMap((child) => flatten(child, pointer))];
}
