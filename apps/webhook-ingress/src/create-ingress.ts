import { createHash } from 'node:crypto';
import { fastify, type FastifyError, type FastifyInstance, type FastifyReply, type FastifyRequest } from 'fastify';
import { DEFAULT_SETTINGS } from '#domain/settings';
import { RetryableError } from '#domain/errors';
import { Malformed, type RawRequest, type Vendor } from '#plugins/inbound';
import { identify, isAuthentic } from '#plugins/vendors/dispatch';
import { registerHealthRoutes, type HealthParts } from '#runtime/health-routes';
import type { Logger } from '#runtime/logging';
import type { Secrets } from '#store/secrets';
import { readSettings } from '#store/settings';
import type { Store } from '#store/store';
import { createTriggerFinder } from './find-trigger.js';
import { readDelivery } from './read-delivery.js';
import { createRecorder, type Recorded, type ToRecord } from './record.js';

export interface IngressDeps extends HealthParts {
  readonly store: Store;
  readonly secrets: Secrets;
  readonly logger: Logger;
}

/** Bytes that any body may take, whatever the settings say. */
const MOST_BODY_BYTES = 25 * 1024 * 1024;
const SETTINGS_MS = 2_000;
/** Looks at a trigger that keeps being changed under a delivery. */
const LOOKS = 3;

/** `POST /api/webhook/triggers/:secret` and nothing else: verify, record, answer. */
export function createIngress(deps: IngressDeps): FastifyInstance {
  const server = fastify({
    bodyLimit: MOST_BODY_BYTES,
    requestTimeout: 30_000,
    forceCloseConnections: 'idle',
    // A path that is too long or no path at all: as unknown as any other.
    frameworkErrors: (_error, _request, reply) => void problem(reply, NOT_FOUND),
  });
  const receive = createReceiver(deps);
  server.removeAllContentTypeParsers();
  // Raw bytes for every type: the signature covers them as they came.
  server.addContentTypeParser('*', { parseAs: 'buffer' }, (_request, body, done) => done(null, body));
  server.post<{ Params: { secret: string } }>('/api/webhook/triggers/:secret', receive);
  server.setNotFoundHandler((_request, reply) => problem(reply, NOT_FOUND));
  server.setErrorHandler((error: FastifyError, _request, reply) => onError(error, reply, deps.logger));
  registerHealthRoutes(server, deps);
  return server;
}

function createReceiver({ store, secrets, logger }: IngressDeps) {
  const findTrigger = createTriggerFinder(store.pool, secrets);
  const record = createRecorder(store, secrets);
  const settings = keepFor(SETTINGS_MS, () => readSettings(store));
  return async (request: FastifyRequest<{ Params: { secret: string } }>, reply: FastifyReply) => {
    const secretHash = createHash('sha256').update(request.params.secret).digest('hex');
    const body = Buffer.isBuffer(request.body) ? request.body : Buffer.alloc(0);
    const raw = rawRequest(request, body);
    for (let look = 1; look <= LOOKS; look += 1) {
      const trigger = await findTrigger(secretHash, look > 1);
      if (trigger === null) return problem(reply, NOT_FOUND);
      const { maxBodyBytes, bodyDays } = await settings();
      if (body.length > maxBodyBytes) return problem(reply, tooLarge(maxBodyBytes));
      if ((raw.headers['content-encoding'] ?? 'identity') !== 'identity') return problem(reply, ENCODED);
      const vendor = identify(raw, trigger.vendor);
      if (!isAuthentic(raw, vendor, { secret: trigger.signingSecret, now: new Date() })) {
        logger.warn(
          { triggerId: trigger.id, vendor: vendor?.name ?? null },
          'A delivery was refused: its signature is missing or wrong',
        );
        return problem(reply, UNSIGNED);
      }
      const recorded = await readAndRecord(raw, { trigger, vendor, body, bodyDays });
      if (recorded instanceof Malformed) return problem(reply, { ...MALFORMED, detail: recorded.message });
      if (recorded.kind !== 'outdated') return send(reply, recorded);
    }
    throw new RetryableError('trigger-changing', 'The trigger is being changed. Send the delivery again in a moment.');
  };

  /** The sender's fault comes back; everything else is thrown. */
  async function readAndRecord(
    raw: RawRequest,
    { vendor, ...rest }: Omit<ToRecord, 'read'> & { vendor: Vendor | null },
  ) {
    try {
      return await record({ ...rest, read: readDelivery(raw, vendor) });
    } catch (error) {
      if (error instanceof Malformed) return error;
      throw error;
    }
  }
}

function rawRequest(request: FastifyRequest, body: Buffer): RawRequest {
  const headers: Record<string, string> = {};
  for (const [name, value] of Object.entries(request.headers)) {
    if (value !== undefined) headers[name] = Array.isArray(value) ? value.join(', ') : value;
  }
  return { method: request.method, headers, body };
}

function send(reply: FastifyReply, recorded: Exclude<Recorded, { kind: 'outdated' }>): FastifyReply {
  if (recorded.kind === 'duplicate') return reply.status(200).send({ status: 'duplicate', of: recorded.of });
  const { deliveryId, status, reason } = recorded;
  if (status === 'accepted') return reply.status(202).send({ deliveryId, status });
  // A dead letter is kept, and its sender's queue must go on.
  if (status === 'dead-letter') return reply.status(202).send({ deliveryId, status: 'ignored', reason });
  return reply.status(200).send({ deliveryId, status, ...(reason === null ? {} : { reason }) });
}

interface Problem {
  readonly status: number;
  readonly code: string;
  readonly title: string;
  readonly detail: string;
}

const NOT_FOUND = { status: 404, code: 'not-found', title: 'Not Found', detail: 'There is nothing at this address.' };
const UNSIGNED = {
  status: 401,
  code: 'bad-signature',
  title: 'Unauthorized',
  detail: 'The signature is missing or wrong. Compare the signing secret at the sender with the one of the trigger.',
};
const MALFORMED = { status: 400, code: 'malformed', title: 'Bad Request', detail: '' };
const ENCODED = {
  status: 415,
  code: 'content-encoding',
  title: 'Unsupported Media Type',
  detail: 'Compressed bodies are not read. Send the body as it is.',
};
const UNTYPED = {
  status: 415,
  code: 'content-type',
  title: 'Unsupported Media Type',
  detail: 'The Content-Type is no media type. Correct it, or leave it out: the body is read either way.',
};

function tooLarge(most: number): Problem {
  return {
    status: 413,
    code: 'body-too-large',
    title: 'Payload Too Large',
    detail: `The body may take ${most} bytes at most.`,
  };
}

function problem(reply: FastifyReply, { status, code, title, detail }: Problem): FastifyReply {
  return reply
    .status(status)
    .type('application/problem+json')
    .send(JSON.stringify({ type: 'about:blank', title, status, detail, code }));
}

function onError(error: FastifyError | Error, reply: FastifyReply, logger: Logger): FastifyReply {
  const status = 'statusCode' in error ? (error.statusCode ?? 500) : 500;
  if (status === 413) return problem(reply, tooLarge(MOST_BODY_BYTES));
  if (status === 415) return problem(reply, UNTYPED);
  if (status >= 400 && status < 500) {
    return problem(reply, {
      status,
      code: 'bad-request',
      title: 'Bad Request',
      detail: 'The request could not be read.',
    });
  }
  logger.error({ err: error }, 'A delivery could not be recorded');
  const isBusy = error instanceof RetryableError;
  void reply.header('retry-after', '2');
  const detail = isBusy ? error.message : 'The delivery could not be recorded. Send it again in a moment.';
  return problem(reply, {
    status: 503,
    code: isBusy ? error.code : 'not-recorded',
    title: 'Service Unavailable',
    detail,
  });
}

/** The last value, read again once it is older than that; a failed read keeps the old one. */
function keepFor(ms: number, read: () => Promise<typeof DEFAULT_SETTINGS>) {
  let kept = { until: 0, value: DEFAULT_SETTINGS };
  return async () => {
    if (Date.now() > kept.until) kept = { until: Date.now() + ms, value: await read().catch(() => kept.value) };
    return kept.value;
  };
}
