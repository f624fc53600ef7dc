import { Catch, HttpException, type ArgumentsHost, type ExceptionFilter } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { randomUUID } from 'node:crypto';
import { STATUS_CODES } from 'node:http';
import type { FieldError } from '#domain/errors';
import { Rejection, RetryableError, TerminalError } from '#domain/errors';
import { classifyDatabaseError } from './database-error.js';
import type { Logger } from './logging.js';
import { maskText } from './mask.js';
import { failureStatus, rejectionStatus } from './problem-status.js';

export const PROBLEM_TYPE = 'application/problem+json; charset=utf-8';
const DATABASE_RETRY_SECONDS = 2;

/** RFC 9457. `code` is stable; `errors` point into the body. */
export interface Problem {
  readonly type: string;
  readonly title: string;
  readonly status: number;
  readonly detail: string;
  readonly code: string;
  readonly errors: readonly FieldError[];
  /** Of a conflict or a failed precondition: the version that stands now. */
  readonly currentVersion?: number;
  /** Of a 5xx: what the log calls it. */
  readonly instance?: string;
}

type Headers = Readonly<Record<string, string>>;

export interface ProblemAnswer {
  readonly problem: Problem;
  readonly headers: Headers;
  /** Nothing that anybody foresaw: it is logged, and the caller learns its id alone. */
  readonly isUnexpected: boolean;
}

/** Turns whatever a controller threw into a problem document. Install with `app.useGlobalFilters(new ProblemFilter(logger))`. */
@Catch()
export class ProblemFilter implements ExceptionFilter {
  constructor(private readonly logger: Logger) {}

  catch(error: unknown, host: ArgumentsHost): void {
    const http = host.switchToHttp();
    sendProblem(error, {
      request: http.getRequest<FastifyRequest>(),
      reply: http.getResponse<FastifyReply>(),
      logger: this.logger,
    });
  }
}

interface Exchange {
  readonly request: FastifyRequest;
  readonly reply: FastifyReply;
  readonly logger: Logger;
}

/** For handlers that stand on Fastify alone as well. A stream that has begun cannot be answered any more: it is cut. */
export function sendProblem(error: unknown, { request, reply, logger }: Exchange): void {
  const { problem, headers, isUnexpected } = problemOf(error);
  if (problem.status >= 500) {
    const ids = {
      code: problem.code,
      status: problem.status,
      instance: problem.instance,
      method: request.method,
      url: request.url,
    };
    if (isUnexpected) logger.error({ ...ids, err: error }, 'A request failed unexpectedly');
    else logger.warn({ ...ids, reason: problem.detail }, 'A request could not be served');
  }
  if (reply.raw.headersSent) reply.raw.destroy();
  else void reply.status(problem.status).headers(headers).type(PROBLEM_TYPE).send(JSON.stringify(problem));
}

export function problemOf(error: unknown): ProblemAnswer {
  return ours(error) ?? stores(error) ?? nests(error) ?? fastifys(error) ?? databases(error) ?? unexpected();
}

function ours(error: unknown): ProblemAnswer | null {
  if (error instanceof Rejection) {
    return answer({
      status: rejectionStatus(error.code),
      code: error.code,
      detail: error.message,
      errors: error.errors,
    });
  }
  if (error instanceof TerminalError)
    return answer({ status: failureStatus(error.code), code: error.code, detail: error.message });
  if (!(error instanceof RetryableError)) return null;
  const after = error.retryAfterSeconds;
  const headers: Headers = after === null ? {} : { 'Retry-After': String(Math.ceil(after)) };
  return answer({ status: failureStatus(error.code), code: error.code, detail: error.message, headers });
}

/** By name: runtime does not import the store. */
function stores(error: unknown): ProblemAnswer | null {
  if (!(error instanceof Error)) return null;
  const { name, message, currentVersion } = error as Error & { currentVersion?: number };
  if (name === 'Conflict') {
    return answer({
      status: 409,
      code: 'conflict',
      detail: message || 'Somebody else changed it meanwhile. Read it again and repeat.',
      currentVersion,
    });
  }
  if (name !== 'PreconditionFailed') return null;
  return answer({
    status: 412,
    code: 'precondition-failed',
    detail: message || 'It has changed since the version in If-Match. Read it again.',
    currentVersion,
  });
}

function nests(error: unknown): ProblemAnswer | null {
  if (!(error instanceof HttpException)) return null;
  const body = error.getResponse();
  const { code, errors } = (typeof body === 'object' ? body : {}) as { code?: string; errors?: FieldError[] };
  return framework({ status: error.getStatus(), message: error.message, code, errors });
}

/** `FST_ERR_…` with a statusCode: body too large, unknown media type, bad content length. */
function fastifys(error: unknown): ProblemAnswer | null {
  if (!(error instanceof Error)) return null;
  const { statusCode } = error as { statusCode?: unknown };
  if (typeof statusCode !== 'number' || statusCode < 400 || statusCode >= 500) return null;
  return framework({ status: statusCode, message: error.message });
}

const CODE_OF_STATUS: Readonly<Record<number, readonly [code: string, detail: string]>> = {
  401: ['unauthenticated', 'Sign in, or send a bearer token.'],
  403: ['forbidden', 'Your role does not allow this.'],
  404: ['not-found', 'There is nothing at this address.'],
  405: ['method-not-allowed', 'This address does not take that method.'],
  408: ['request-timeout', 'The request took too long to arrive.'],
  413: ['too-large', 'The body is larger than this address takes.'],
  414: ['uri-too-long', 'The address is too long.'],
  415: ['unsupported-media-type', 'Send the body as application/json.'],
  429: ['too-many-requests', 'Too many requests. Wait and try again.'],
  503: ['unavailable', 'Not available just now. Try again.'],
};

interface FrameworkError {
  readonly status: number;
  readonly message: string;
  readonly code?: string;
  readonly errors?: readonly FieldError[];
}

function framework({ status, message, code, errors }: FrameworkError): ProblemAnswer {
  const isRouteMiss = status === 404 && /^Cannot [A-Z]+ /.test(message);
  const [known = status === 400 ? badRequestCode(message) : `http-${status}`, detail = message] =
    CODE_OF_STATUS[status] ?? [];
  if (status >= 500 && code === undefined && status !== 503) return unexpected();
  return answer({ status, code: code ?? known, detail: code !== undefined && !isRouteMiss ? message : detail, errors });
}

function badRequestCode(message: string): string {
  return /JSON|Unexpected token|Unexpected end|prototype property|empty when content-type/i.test(message)
    ? 'malformed-json'
    : 'bad-request';
}

function databases(error: unknown): ProblemAnswer | null {
  const kind = classifyDatabaseError(error);
  if (kind === 'bad-value') {
    return answer({
      status: 400,
      code: 'invalid-value',
      detail: 'A value cannot be stored: it is out of range or holds a character that text may not hold.',
    });
  }
  if (kind === null) return null;
  const headers = { 'Retry-After': String(DATABASE_RETRY_SECONDS) };
  return answer({
    status: 503,
    code: 'database-unavailable',
    detail: 'The database does not answer just now. Nothing was changed; try again.',
    headers,
  });
}

function unexpected(): ProblemAnswer {
  const base = answer({
    status: 500,
    code: 'internal-error',
    detail: 'Something failed that should not. The log tells more under this id.',
  });
  return { ...base, isUnexpected: true };
}

interface Parts {
  readonly status: number;
  readonly code: string;
  readonly detail: string;
  readonly errors?: readonly FieldError[];
  readonly currentVersion?: number;
  readonly headers?: Headers;
}

function answer({ status, code, detail, errors = [], currentVersion, headers = {} }: Parts): ProblemAnswer {
  const problem: Problem = {
    type: `urn:tiny-forge:problem:${code}`,
    title: STATUS_CODES[status] ?? 'Error',
    status,
    detail: maskText(detail),
    code,
    errors,
    ...(currentVersion === undefined ? {} : { currentVersion }),
    ...(status >= 500 ? { instance: `urn:uuid:${randomUUID()}` } : {}),
  };
  const challenge: Headers = status === 401 ? { 'WWW-Authenticate': 'Bearer' } : {};
  return { problem, headers: { ...challenge, ...headers }, isUnexpected: false };
}
