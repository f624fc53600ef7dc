import {
  Inject,
  Injectable,
  SetMetadata,
  type CallHandler,
  type ExecutionContext,
  type NestInterceptor,
} from '@nestjs/common';
import { Reflector } from '@nestjs/core';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { createHash } from 'node:crypto';
import { catchError, from, mergeMap, of, type Observable } from 'rxjs';
import type { DataSource } from 'typeorm';
import { Rejection } from '#domain/errors';
import { identityOf } from '../access/identity.js';
import { READS } from '../dependencies.js';

const SHOWS_SECRET = 'tinyforge:shows-secret';
const KEPT_HOURS = 24;
/** A first request that has not answered by now died with its process. */
const ABANDONED_SECONDS = 60;

/** The answer holds a secret: it is not kept, and a second request with the same key is refused. */
export const ShowsSecret = () => SetMetadata(SHOWS_SECRET, true);

interface KeyRow {
  readonly request_hash: string;
  readonly status: number | null;
  readonly headers: Record<string, string> | null;
  readonly body: string | null;
}
interface Slot {
  readonly actor: string;
  readonly key: string;
  readonly hash: string;
}

/** `Idempotency-Key` on every POST: the same key and body get the first answer again. Refusals are not kept. */
@Injectable()
export class IdempotencyInterceptor implements NestInterceptor {
  constructor(
    @Inject(READS) private readonly reads: DataSource,
    private readonly reflector: Reflector,
  ) {}

  async intercept(context: ExecutionContext, next: CallHandler): Promise<Observable<unknown>> {
    const request = context.switchToHttp().getRequest<FastifyRequest>();
    const reply = context.switchToHttp().getResponse<FastifyReply>();
    const slot = slotOf(request);
    if (slot === null) return next.handle();
    const first = await this.#take(slot);
    if (first !== null) return of(replayed(first, slot, reply));
    const isSecret = this.reflector.get<boolean | undefined>(SHOWS_SECRET, context.getHandler()) === true;
    return next.handle().pipe(
      mergeMap(async (answer: unknown) => {
        await this.#keep(slot, reply, isSecret ? null : JSON.stringify(answer ?? null));
        return answer;
      }),
      catchError((error: unknown) => from(this.#release(slot, error))),
    );
  }

  /** Null: the slot is ours. Else what an earlier request left there. */
  async #take({ actor, key, hash }: Slot): Promise<KeyRow | null> {
    const taken: unknown[] = await this.reads.query(
      `insert into state.idempotency_key as kept (actor, key, request_hash, expires_at)
        values ($1, $2, $3, now() + make_interval(hours => $4))
        on conflict (actor, key) do update set request_hash = excluded.request_hash, status = null, headers = null,
          body = null, expires_at = excluded.expires_at
        where kept.expires_at < now() or (kept.status is null and kept.request_hash = excluded.request_hash
          and kept.expires_at < excluded.expires_at - make_interval(secs => $5))
        returning key`,
      [actor, key, hash, KEPT_HOURS, ABANDONED_SECONDS],
    );
    if (taken.length > 0) return null;
    const rows: KeyRow[] = await this.reads.query(
      'select request_hash, status, headers, body from state.idempotency_key where actor = $1 and key = $2',
      [actor, key],
    );
    return rows[0] ?? { request_hash: hash, status: null, headers: null, body: null };
  }

  async #keep({ actor, key }: Slot, reply: FastifyReply, body: string | null): Promise<void> {
    const etag = reply.getHeader('etag');
    const headers = etag === undefined ? {} : { etag };
    await this.reads.query(
      'update state.idempotency_key set status = $3, headers = $4, body = $5 where actor = $1 and key = $2',
      [actor, key, reply.statusCode, JSON.stringify(headers), body],
    );
  }

  async #release({ actor, key }: Slot, error: unknown): Promise<never> {
    // A key that cannot be given back is abandoned after a minute; the request's own error matters more.
    await this.reads
      .query('delete from state.idempotency_key where actor = $1 and key = $2 and status is null', [actor, key])
      .catch(() => undefined);
    throw error;
  }
}

function slotOf(request: FastifyRequest): Slot | null {
  const key = request.headers['idempotency-key'];
  if (request.method !== 'POST' || key === undefined) return null;
  if (typeof key !== 'string' || !/^[\x21-\x7e]{1,200}$/.test(key)) {
    throw new Rejection(
      'invalid-idempotency-key',
      'The Idempotency-Key must be 1 to 200 printable characters without spaces.',
    );
  }
  const hash = createHash('sha256')
    .update(`${request.url}\n${JSON.stringify(request.body ?? null)}`)
    .digest('hex');
  return { actor: identityOf(request)?.actor ?? 'nobody', key, hash };
}

function replayed(row: KeyRow, { hash }: Slot, reply: FastifyReply): unknown {
  if (row.request_hash !== hash) {
    throw new Rejection(
      'idempotency-key-reused',
      'This Idempotency-Key was sent with another request. Make a new one.',
    );
  }
  if (row.status === null) {
    throw new Rejection(
      'request-in-progress',
      'The first request with this Idempotency-Key is still running. Ask again in a moment.',
    );
  }
  if (row.body === null) {
    throw new Rejection(
      'already-issued',
      'The first answer showed a secret, which is shown only once. Make a new one if it is lost.',
    );
  }
  void reply.headers(row.headers ?? {});
  return JSON.parse(row.body);
}
