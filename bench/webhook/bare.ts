import { createHmac, randomUUID, timingSafeEqual } from 'node:crypto';
import type { AddressInfo } from 'node:net';
import { fastify } from 'fastify';
import { Pool } from 'pg';

/** The least that a durable, signed webhook takes: Fastify, HMAC over the raw body, one prepared INSERT. */
const pool = new Pool({ connectionString: process.env['DATABASE_URL'], max: 10 });
await pool.query(
  'create table if not exists public.bare (id uuid primary key, received_at timestamptz not null default now(), body bytea not null)',
);

const server = fastify();
server.removeAllContentTypeParsers();
server.addContentTypeParser('*', { parseAs: 'buffer' }, (_request, body, done) => done(null, body));
server.post<{ Body: Buffer }>('/', async ({ body, headers }, reply) => {
  const sent = Buffer.from(String(headers['x-hub-signature-256']).slice('sha256='.length), 'hex');
  const own = createHmac('sha256', process.env['SIGNING_SECRET']!).update(body).digest();
  if (sent.length !== own.length || !timingSafeEqual(sent, own)) return reply.status(401).send();
  const deliveryId = randomUUID();
  await pool.query({
    name: 'record',
    text: 'insert into public.bare (id, body) values ($1, $2)',
    values: [deliveryId, body],
  });
  return reply.status(202).send({ deliveryId, status: 'accepted' });
});
await server.listen({ port: 0, host: '127.0.0.1' });
process.send!((server.server.address() as AddressInfo).port);
