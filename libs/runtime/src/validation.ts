import { Injectable, type ArgumentMetadata, type PipeTransform, type Type } from '@nestjs/common';
import { plainToInstance } from 'class-transformer';
import { validate, type ValidationError } from 'class-validator';
import { Rejection, type FieldError } from '#domain/errors';

const MOST_DEPTH = 32;
const PLAIN_TYPES: readonly unknown[] = [String, Boolean, Number, Array, Object, undefined];

/** Checks bodies and queries against their class, for every controller: `app.useGlobalPipes(new RequestValidation())`. */
@Injectable()
export class RequestValidation implements PipeTransform {
  async transform(value: unknown, { type, metatype }: ArgumentMetadata): Promise<unknown> {
    if (type === 'body') refuseDeep(value);
    if (type === 'custom' || PLAIN_TYPES.includes(metatype)) return value;
    return validated(metatype as Type<object>, value, type === 'query' ? 'query' : 'body');
  }
}

/**
 * An instance of the class with its transforms applied.
 * Throws Rejection `unknown-field`, or `invalid-body` / `invalid-query`, with a JSON Pointer for each bad field.
 */
export async function validated<T extends object>(type: Type<T>, value: unknown, what = 'body'): Promise<T> {
  const plain = value ?? {};
  if (typeof plain !== 'object' || Array.isArray(plain)) {
    throw new Rejection(`invalid-${what}`, `The ${what} must be a JSON object.`, [
      { pointer: '', detail: 'must be an object' },
    ]);
  }
  const instance = plainToInstance(type, plain, { exposeDefaultValues: true, enableImplicitConversion: false });
  const failures = await validate(instance, {
    whitelist: true,
    forbidNonWhitelisted: true,
    forbidUnknownValues: false,
    stopAtFirstError: true,
  });
  if (failures.length > 0) throw asRejection(failures, what);
  return instance;
}

/** Parsed JSON is walked without recursion: what follows recurses, and a hostile body would end the process's stack. */
export function refuseDeep(value: unknown, most = MOST_DEPTH): void {
  let level: unknown[] = [value];
  for (let depth = 0; level.length > 0; depth += 1) {
    if (depth > most) throw new Rejection('too-deep', `The body is nested more than ${most} levels deep.`);
    level = level.flatMap((item) =>
      typeof item === 'object' && item !== null ? (Object.values(item) as unknown[]) : [],
    );
  }
}

function asRejection(failures: readonly ValidationError[], what: string): Rejection {
  const found = failures.flatMap((failure) => flatten(failure, ''));
  const unknown = found.find((field) => field.isUnknown);
  const errors = found.map(({ pointer, detail }): FieldError => ({ pointer, detail }));
  if (unknown)
    return new Rejection(
      'unknown-field',
      `There is no field ${unknown.pointer}. Remove it, or see the API's description for its name.`,
      errors,
    );
  return new Rejection(`invalid-${what}`, `The ${what} is not valid: ${summary(errors)}.`, errors);
}

function flatten(failure: ValidationError, parent: string): (FieldError & { isUnknown: boolean })[] {
  const pointer = `${parent}/${failure.property.replaceAll('~', '~0').replaceAll('/', '~1')}`;
  const own = Object.entries(failure.constraints ?? {}).map(([rule, detail]) => {
    const isUnknown = rule === 'whitelistValidation';
    return { pointer, detail: isUnknown ? 'is not a known field' : detail, isUnknown };
  });
  return [...own, ...(failure.children ?? []).flatMap((child) => flatten(child, pointer))];
}

function summary(errors: readonly FieldError[]): string {
  const [first] = errors;
  const more = errors.length > 1 ? `, and ${errors.length - 1} more` : '';
  return first ? `${first.pointer}: ${first.detail}${more}` : 'see errors';
}
