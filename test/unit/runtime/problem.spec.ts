import {
  Body,
  Controller,
  Get,
  HttpException,
  Module,
  Param,
  Post,
  Query,
  UnauthorizedException,
} from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { FastifyAdapter, type NestFastifyApplication } from '@nestjs/platform-fastify';
import { Type } from 'class-transformer';
import { IsInt, IsOptional, IsString, Max, ValidateNested } from 'class-validator';
import 'reflect-metadata';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Rejection, RetryableError, TerminalError } from '#domain/errors';
import { createLogger } from '#runtime/logging';
import { PROBLEM_TYPE, ProblemFilter, type Problem } from '#runtime/problem';
import { RequestValidation } from '#runtime/validation';

class Face {
  @IsString()
  host: string;
}
class Thing {
  @IsString()
  name: string;

  @IsOptional()
  @ValidateNested({ each: true })
  @Type(() => Face)
  faces?: Face[];
}
class Page {
  @IsOptional()
  @Type(() => Number)
  @IsInt()
  @Max(200)
  limit?: number;
}

class Conflict extends Error {
  override name = 'Conflict';
  currentVersion = 7;
}
class PreconditionFailed extends Error {
  override name = 'PreconditionFailed';
  currentVersion = 8;
}
const fromDatabase = (code: string) =>
  Object.assign(new Error('canary: value too long'), { code, severity: 'ERROR', detail: 'canary' });

const FAILURES: Record<string, () => unknown> = {
  rejected: () => new Rejection('name-taken', 'The name is taken. Choose another.'),
  invalid: () => new Rejection('invalid-name', 'No.', [{ pointer: '/name', detail: 'too long' }]),
  missing: () => new Rejection('not-found', 'There is no such workload.'),
  'no-tag': () => new Rejection('no-such-tag', 'There is no such tag.'),
  conflict: () => new Conflict('changed'),
  stale: () => new PreconditionFailed('stale'),
  registry: () => new RetryableError('registry-unreachable', 'It does not answer.', 30),
  docker: () => new RetryableError('docker-unreachable', 'It does not answer.'),
  blocked: () => new TerminalError('blocked-address', 'Not reached.'),
  refused: () =>
    Object.assign(new Error('connect ECONNREFUSED 127.0.0.1:5432'), {
      code: 'ECONNREFUSED',
      port: 5432,
      syscall: 'connect',
    }),
  shutdown: () => fromDatabase('57P01'),
  wrapped: () =>
    Object.assign(new Error('query failed'), { name: 'QueryFailedError', driverError: fromDatabase('53300') }),
  'bad-uuid': () => fromDatabase('22P02'),
  'zero-byte': () => fromDatabase('22P05'),
  unauthorized: () => new UnauthorizedException(),
  own: () => new HttpException({ code: 'already-issued', message: 'x' }, 409),
  bug: () => new TypeError("Cannot read properties of undefined (reading 'canary')"),
  'http-bug': () => new HttpException('canary', 500),
  text: () => 'canary',
  nothing: () => undefined,
};

@Controller()
class Things {
  @Get('fail/:how')
  fail(@Param('how') how: string): never {
    throw FAILURES[how]!();
  }

  @Post('things')
  make(@Body() thing: Thing): object {
    return { isThing: thing instanceof Thing, name: thing.name };
  }

  @Get('things')
  list(@Query() page: Page): object {
    return { limit: page.limit };
  }
}

@Module({ controllers: [Things] })
class App {}

let app: NestFastifyApplication;
const lines: string[] = [];
const logger = createLogger({ app: 'test', destination: { write: (line) => void lines.push(line) } });

beforeAll(async () => {
  app = await NestFactory.create<NestFastifyApplication>(App, new FastifyAdapter({ bodyLimit: 1024 }), {
    logger: false,
  });
  app.useGlobalFilters(new ProblemFilter(logger));
  app.useGlobalPipes(new RequestValidation());
  await app.init();
});
afterAll(() => app.close());

interface Answer {
  readonly status: number;
  readonly headers: Record<string, unknown>;
  readonly problem: Problem;
}

async function get(url: string): Promise<Answer> {
  const answer = await app.inject({ method: 'GET', url });
  return { status: answer.statusCode, headers: answer.headers, problem: answer.json() };
}

async function post(payload: string, type = 'application/json'): Promise<Answer> {
  const answer = await app.inject({ method: 'POST', url: '/things', payload, headers: { 'content-type': type } });
  return { status: answer.statusCode, headers: answer.headers, problem: answer.json() };
}

describe('problem documents', () => {
  it.each([
    ['rejected', 409, 'name-taken'],
    ['invalid', 400, 'invalid-name'],
    ['missing', 404, 'not-found'],
    ['no-tag', 422, 'no-such-tag'],
    ['conflict', 409, 'conflict'],
    ['stale', 412, 'precondition-failed'],
    ['registry', 502, 'registry-unreachable'],
    ['docker', 503, 'docker-unreachable'],
    ['blocked', 502, 'blocked-address'],
    ['refused', 503, 'database-unavailable'],
    ['shutdown', 503, 'database-unavailable'],
    ['wrapped', 503, 'database-unavailable'],
    ['bad-uuid', 400, 'invalid-value'],
    ['zero-byte', 400, 'invalid-value'],
    ['unauthorized', 401, 'unauthenticated'],
    ['own', 409, 'already-issued'],
    ['bug', 500, 'internal-error'],
    ['http-bug', 500, 'internal-error'],
    ['text', 500, 'internal-error'],
    ['nothing', 500, 'internal-error'],
  ])('%s → %i %s, and tells nothing of the inside', async (how, status, code) => {
    const answer = await get(`/fail/${how}`);
    expect(answer.status).toBe(status);
    expect(answer.headers['content-type']).toBe(PROBLEM_TYPE);
    expect(answer.problem).toMatchObject({
      status,
      code,
      type: `urn:tiny-forge:problem:${code}`,
      title: expect.any(String),
      detail: expect.any(String),
      errors: expect.any(Array),
    });
    expect(JSON.stringify(answer.problem)).not.toContain('canary');
  });

  it('names the version that stands now, and how long to wait', async () => {
    expect((await get('/fail/conflict')).problem.currentVersion).toBe(7);
    expect((await get('/fail/stale')).problem.currentVersion).toBe(8);
    expect((await get('/fail/registry')).headers['retry-after']).toBe('30');
    expect((await get('/fail/refused')).headers['retry-after']).toBe('2');
    expect((await get('/fail/unauthorized')).headers['www-authenticate']).toBe('Bearer');
  });

  it('logs what nobody foresaw once, under the id that the caller was given', async () => {
    lines.length = 0;
    const { problem } = await get('/fail/bug');
    expect(problem.instance).toMatch(/^urn:uuid:/);
    expect(lines).toHaveLength(1);
    expect(JSON.parse(lines[0]!)).toMatchObject({
      level: 'error',
      instance: problem.instance,
      err: { type: 'TypeError' },
    });
  });

  it('does not log what is the caller’s to mend', async () => {
    lines.length = 0;
    await get('/fail/rejected');
    expect(lines).toEqual([]);
  });

  it('answers for what never reaches a controller', async () => {
    expect((await get('/nowhere')).problem).toMatchObject({ status: 404, code: 'not-found' });
    expect((await post('{"name":')).problem).toMatchObject({ status: 400, code: 'malformed-json' });
    expect((await post('{"__proto__":{"a":1},"name":"x"}')).problem).toMatchObject({
      status: 400,
      code: 'malformed-json',
    });
    expect((await post('<a/>', 'text/xml')).problem).toMatchObject({ status: 415, code: 'unsupported-media-type' });
    expect((await post(JSON.stringify({ name: 'x'.repeat(2000) }))).problem).toMatchObject({
      status: 413,
      code: 'too-large',
    });
    expect((await get('/nowhere')).headers['content-type']).toBe(PROBLEM_TYPE);
  });
});

describe('the validation of a request', () => {
  it('makes an instance of the class', async () => {
    const answer = await app.inject({ method: 'POST', url: '/things', payload: { name: 'x' } });
    expect([answer.statusCode, answer.json()]).toEqual([201, { isThing: true, name: 'x' }]);
  });

  it('refuses an unknown field, also a nested one, by its pointer', async () => {
    expect((await post('{"name":"x","role":"admin"}')).problem).toMatchObject({
      status: 400,
      code: 'unknown-field',
      errors: [{ pointer: '/role' }],
    });
    expect((await post('{"name":"x","faces":[{"host":"a","a/b":1}]}')).problem).toMatchObject({
      code: 'unknown-field',
      errors: [{ pointer: '/faces/0/a~1b' }],
    });
  });

  it('points at a bad field, also a nested one', async () => {
    expect((await post('{"faces":[{"host":1}]}')).problem).toMatchObject({
      status: 400,
      code: 'invalid-body',
      errors: [{ pointer: '/name' }, { pointer: '/faces/0/host' }],
    });
  });

  it.each(['null', '[]', '"x"', '1'])('refuses a body that is no object: %s', async (body) => {
    expect((await post(body)).problem).toMatchObject({ status: 400, code: 'invalid-body' });
  });

  it('refuses a query by its own code', async () => {
    expect((await get('/things?limit=500')).problem).toMatchObject({
      status: 400,
      code: 'invalid-query',
      errors: [{ pointer: '/limit' }],
    });
    expect((await app.inject('/things?limit=5')).json()).toEqual({ limit: 5 });
  });

  it('refuses nesting without running out of stack', async () => {
    const deep = `{"name":${'['.repeat(400)}${']'.repeat(400)}}`;
    expect((await post(deep)).problem).toMatchObject({ status: 400, code: 'too-deep' });
  });
});
