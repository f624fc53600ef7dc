import type { FastifyReply, FastifyRequest } from 'fastify';
import { Readable } from 'node:stream';

/** One thing on a stream: `id` is what a reader resumes with. */
export interface Message {
  readonly id: string | null;
  /** Name of the SSE event; null = a plain message. */
  readonly event: string | null;
  readonly data: object;
}

/** One, or several that are sent at once. */
type Messages = AsyncIterable<Message | readonly Message[] | null>;

const HEARTBEAT_MS = 15_000;

/** JSON lines when asked for, else SSE. */
export function wantsLines(request: FastifyRequest): boolean {
  return (request.headers.accept ?? '').includes('application/x-ndjson');
}

/**
 * Sends the messages as they come. The source ends when its reader goes away: it must not wait for ever in one
 * `next()`. `null` from the source means "nothing new".
 */
export function sendStream(
  messages: Messages,
  { request, reply }: { request: FastifyRequest; reply: FastifyReply },
): void {
  const isLines = wantsLines(request);
  const chunks = isLines ? asLines(messages) : asEvents(messages);
  // A stream that has nothing to say yet has been opened all the same.
  reply.raw.once('pipe', () => reply.raw.flushHeaders());
  void reply
    .header('cache-control', 'no-cache, no-transform')
    .header('x-accel-buffering', 'no')
    .type(isLines ? 'application/x-ndjson; charset=utf-8' : 'text/event-stream; charset=utf-8')
    .send(Readable.from(chunks, { objectMode: false }));
}

async function* asLines(messages: Messages): AsyncGenerator<string> {
  for await (const some of messages)
    if (some !== null)
      yield [some]
        .flat()
        .map(({ data }) => `${JSON.stringify(data)}\n`)
        .join('');
}

async function* asEvents(messages: Messages): AsyncGenerator<string> {
  yield ': open\n\n';
  let quietSince = performance.now();
  for await (const some of messages) {
    if (some === null && performance.now() - quietSince < HEARTBEAT_MS) continue;
    quietSince = performance.now();
    yield some === null ? ': still here\n\n' : [some].flat().map(eventText).join('');
  }
}

function eventText({ id, event, data }: Message): string {
  const head = [id === null ? '' : `id: ${id}\n`, event === null ? '' : `event: ${event}\n`].join('');
  return `${head}data: ${JSON.stringify(data)}\n\n`;
}
