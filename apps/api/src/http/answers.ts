import { applyDecorators, HttpCode, type Type } from '@nestjs/common';
import { ApiHeader, ApiOperation, ApiResponse } from '@nestjs/swagger';

/** Status and shape of a route's one good answer, and what the route does in a sentence. */
export function Answers(status: number, type: Type<object> | null, summary: string) {
  return applyDecorators(
    HttpCode(status),
    ApiOperation({ summary }),
    ApiResponse({ status, description: summary, ...(type === null ? {} : { type }) }),
  );
}

/** A change that may name the version it was made for. */
export function TakesIfMatch() {
  return ApiHeader({
    name: 'If-Match',
    required: false,
    description: 'ETag of the version that was read; another one now is 412',
  });
}
