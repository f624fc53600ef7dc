import { Param, type PipeTransform } from '@nestjs/common';
import { Rejection } from '#domain/errors';

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i;

class UuidOrNothing implements PipeTransform<string, string> {
  transform(value: string): string {
    if (UUID.test(value)) return value.toLowerCase();
    throw new Rejection('not-found', 'There is nothing with this id: it is no UUID.');
  }
}

/** The `{id}` of the path. What is no UUID names nothing. */
export const Id = (name = 'id') => Param(name, new UuidOrNothing());
