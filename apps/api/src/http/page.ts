import { applyDecorators, type Type } from '@nestjs/common';
import { ApiOkResponse, ApiOperation, ApiProperty, ApiPropertyOptional } from '@nestjs/swagger';
import { Type as Cast } from 'class-transformer';
import { IsInt, IsOptional, IsString, Max, MaxLength, Min } from 'class-validator';
import type { ObjectLiteral, SelectQueryBuilder } from 'typeorm';
import { Rejection } from '#domain/errors';

const MOST = 200;
/** The shape of a cursor's key where rows are paged by id. */
export const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;

/** What every list takes. */
export class PageQuery {
  @ApiPropertyOptional({ type: 'integer', minimum: 1, maximum: MOST, default: 50 })
  @IsOptional()
  @Cast(() => Number)
  @IsInt()
  @Min(1)
  @Max(MOST)
  limit: number = 50;

  @ApiPropertyOptional({ type: String, description: '`nextCursor` of the page before' })
  @IsOptional()
  @IsString()
  @MaxLength(200)
  cursor?: string;
}

export interface Page<T> {
  readonly items: readonly T[];
  /** Null on the last page. */
  readonly nextCursor: string | null;
}

/** Newest first: ids are UUIDv7. The alias is that of the query's own table. */
export async function pageOf<T extends ObjectLiteral & { id: string }>(
  query: SelectQueryBuilder<T>,
  { limit, cursor }: PageQuery,
): Promise<Page<T>> {
  const after = readCursor(cursor, UUID);
  if (after !== null) query.andWhere(`${query.alias}.id < :pageAfter`, { pageAfter: after });
  const rows = await query
    .orderBy(`${query.alias}.id`, 'DESC')
    .limit(limit + 1)
    .getMany();
  return cut(rows, limit, (row) => row.id);
}

/** The page out of `limit + 1` rows. */
export function cut<T>(rows: readonly T[], limit: number, keyOf: (row: T) => string): Page<T> {
  const items = rows.slice(0, limit);
  const last = items.at(-1);
  return { items, nextCursor: rows.length > limit && last !== undefined ? toCursor(keyOf(last)) : null };
}

export function toCursor(key: string): string {
  return Buffer.from(key).toString('base64url');
}

/** The key in a cursor of ours; null without one. */
export function readCursor(cursor: string | undefined, shape: RegExp): string | null {
  if (cursor === undefined) return null;
  const key = Buffer.from(cursor, 'base64url').toString();
  if (shape.test(key)) return key;
  throw new Rejection('invalid-cursor', 'The cursor is none of ours. Leave it out to start at the first page.', [
    { pointer: '/cursor', detail: 'must be the nextCursor of an earlier answer' },
  ]);
}

/** 200 with a page of these. */
export function AnswersPage(item: Type<object>, summary: string) {
  return applyDecorators(ApiOperation({ summary }), ApiOkResponse({ type: pageClass(item), description: summary }));
}

const pages = new Map<Type<object>, Type<object>>();

function pageClass(item: Type<object>): Type<object> {
  const known = pages.get(item);
  if (known) return known;
  class PageAnswer {
    items: unknown[];
    nextCursor: string | null;
  }
  ApiProperty({ type: [item] })(PageAnswer.prototype, 'items');
  ApiProperty({ type: String, nullable: true })(PageAnswer.prototype, 'nextCursor');
  Object.defineProperty(PageAnswer, 'name', { value: `${item.name}Page` });
  pages.set(item, PageAnswer);
  return PageAnswer;
}
