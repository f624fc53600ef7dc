import { request } from 'node:http';
import type { AddressInfo } from 'node:net';
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { SETTINGS_ID, settings } from '#domain/settings';
import { on } from '#store/operation';
import { envelope, githubPush, hmac, startIngress, type TestIngress } from './fixture.js';

let ingress: TestIngress;
beforeAll(async () => {
  ingress = await startIngress();
});
afterAll(() => ingress.close());

const recordedOf = (id: unknown) =>
  ingress.rows('select status, vendor, origin, events, reason from view.delivery where id = $1', [id]);
const countOf = async (triggerId: string) =>
  (await ingress.rows('select id from view.delivery where trigger_id = $1', [triggerId])).length;

describe('an accepted delivery', () => {
  it('is 202 with its id, and recorded', async () => {
    const { post } = await ingress.trigger();
    const { body, headers } = githubPush();
    const answer = await post(body, headers);
    expect(answer).toMatchObject({ status: 202, body: { deliveryId: expect.any(String), status: 'accepted' } });
    expect(Object.keys(answer.body)).toEqual(['deliveryId', 'status']);
    expect(await recordedOf(answer.body.deliveryId)).toMatchObject([
      { status: 'accepted', vendor: 'github', origin: 'webhook', events: [{ kind: 'git-push', branch: 'main' }] },
    ]);
  });

  it('is 202 in the generic form', async () => {
    const { post } = await ingress.trigger();
    const answer = await post({ image: 'ghcr.io/acme/shop:1.2.3' });
    expect(answer).toMatchObject({ status: 202, body: { status: 'accepted' } });
    expect(await recordedOf(answer.body.deliveryId)).toMatchObject([
      { vendor: 'generic', events: [{ registry: 'ghcr.io', repository: 'acme/shop', tag: '1.2.3' }] },
    ]);
  });

  it.each([
    ['over a real connection, without a content type', {}],
    ['with a form’s content type', { 'content-type': 'text/plain; charset=utf-8' }],
  ])('is read %s', async (_, headers) => {
    const { secret } = await ingress.trigger();
    if (!ingress.server.server.listening) await ingress.server.listen({ port: 0, host: '127.0.0.1' });
    const { port } = ingress.server.server.address() as AddressInfo;
    const { promise, resolve, reject } = Promise.withResolvers<number | undefined>();
    const call = request(
      { host: '127.0.0.1', port, method: 'POST', path: `/api/webhook/triggers/${secret}`, headers, agent: false },
      (answer) => {
        answer.resume().on('end', () => resolve(answer.statusCode));
      },
    );
    call.on('error', reject).end(JSON.stringify({ image: 'depot.test/crate:1' }));
    expect(await promise).toBe(202);
  });
});

describe('a delivery that asks for nothing', () => {
  it('is 200 ping', async () => {
    const { post } = await ingress.trigger();
    const answer = await post({ zen: 'Speak like a human.' }, { 'x-github-event': 'ping', 'x-github-delivery': 'p1' });
    expect(answer).toMatchObject({ status: 200, body: { status: 'ping' } });
    expect(await recordedOf(answer.body.deliveryId)).toMatchObject([{ status: 'ping', events: [] }]);
  });

  it('is 200 ignored with the reason, when the vendor sends what we do not use', async () => {
    const { post } = await ingress.trigger();
    const answer = await post({ action: 'opened' }, { 'x-github-event': 'issues', 'x-github-delivery': 'i1' });
    expect(answer).toMatchObject({
      status: 200,
      body: { status: 'ignored', reason: 'GitHub event "issues" deploys nothing' },
    });
    expect(await recordedOf(answer.body.deliveryId)).toMatchObject([{ status: 'ignored', reason: answer.body.reason }]);
  });

  it('is 200 disabled, and recorded', async () => {
    const { post } = await ingress.trigger({ webhookEnabled: false });
    const answer = await post({ image: 'depot.test/crate:1' });
    expect(answer).toMatchObject({ status: 200, body: { status: 'disabled' } });
    expect(await recordedOf(answer.body.deliveryId)).toMatchObject([{ status: 'disabled' }]);
  });

  it('is 200 no-binding, and recorded', async () => {
    const { post } = await ingress.trigger({ bindings: 0 });
    const answer = await post({ image: 'depot.test/crate:1' });
    expect(answer).toMatchObject({ status: 200, body: { status: 'no-binding' } });
    expect(await recordedOf(answer.body.deliveryId)).toMatchObject([{ status: 'no-binding' }]);
  });

  it('is 200 duplicate of the first one', async () => {
    const { post } = await ingress.trigger();
    const { body, headers } = githubPush();
    const first = await post(body, headers);
    expect(await post(body, headers)).toMatchObject({
      status: 200,
      body: { status: 'duplicate', of: first.body.deliveryId },
    });
  });

  it('starts no work unless it is accepted', async () => {
    const { id, post } = await ingress.trigger({ bindings: 0 });
    const events: string[] = [];
    const stop = ingress.store.onCommitted((committed) =>
      events.push(...committed.map(({ data }) => String(data.status))),
    );
    await post({ image: 'depot.test/crate:1' });
    stop();
    expect(events).toEqual(['no-binding']);
    expect(await countOf(id)).toBe(1);
  });
});

describe('a broken delivery', () => {
  it.each<[string, unknown, Record<string, string>]>([
    ['of a vendor that its header names', { ref: 7 }, { 'x-github-event': 'push', 'x-github-delivery': 'm1' }],
    ['that is no JSON', '{"image":', {}],
    ['that says neither image nor ref', { hello: 'world' }, {}],
    ['with an image that is none', { image: 'UPPER//x' }, {}],
  ])('%s is 400, says why, and is not recorded', async (_, body, headers) => {
    const { id, post } = await ingress.trigger();
    const answer = await post(body, headers);
    expect(answer).toMatchObject({ status: 400, body: { code: 'malformed', status: 400, title: 'Bad Request' } });
    expect(answer.headers['content-type']).toMatch('application/problem+json');
    expect(String(answer.body.detail).length).toBeGreaterThan(10);
    expect(await countOf(id)).toBe(0);
  });

  it('of a registry is a dead letter: 202, or its queue would jam', async () => {
    const { post } = await ingress.trigger();
    const { headers } = envelope();
    const answer = await post({ events: [{ id: 'e1', action: 'push' }] }, headers);
    expect(answer.status).toBe(202);
    expect(await recordedOf(answer.body.deliveryId)).toMatchObject([
      { status: 'dead-letter', vendor: 'distribution', reason: expect.stringContaining('target') },
    ]);
  });

  it('takes no neighbour down that arrives with it', async () => {
    const { post } = await ingress.trigger();
    const bodies = Array.from({ length: 20 }, (_, n) =>
      n === 7 ? { image: 'UPPER//x' } : { image: `depot.test/crate:${n}` },
    );
    const answers = await Promise.all(bodies.map((body) => post(body)));
    expect(answers.map(({ status }) => status)).toEqual(bodies.map((_, n) => (n === 7 ? 400 : 202)));
  });
});

describe('a text that Postgres cannot store', () => {
  it.each([
    ['a NUL in a name', '{"ref":"main","repo":"acme/sh\\u0000op"}', {}],
    ['half of a surrogate pair', '{"ref":"main","repo":"acme/sh\\ud800op"}', {}],
    ['a NUL in an event id', JSON.stringify(envelope('nul\u0000id').body), envelope().headers],
  ])('%s never fails the delivery, nor its neighbours', async (_, body, headers) => {
    const { id, post } = await ingress.trigger();
    const [odd, other] = await Promise.all([post(body, headers), post({ image: 'depot.test/crate:1' })]);
    expect([odd.status, other.status]).toEqual([202, 202]);
    expect(await countOf(id)).toBe(2);
  });
});

describe('a signature', () => {
  const SECRET = 'it is signed with this';
  const signed = githubPush();
  const text = JSON.stringify(signed.body);

  it('that is right lets the delivery in', async () => {
    const { post } = await ingress.trigger({ signingSecret: SECRET });
    expect((await post(text, { ...signed.headers, 'x-hub-signature-256': hmac(SECRET, text) })).status).toBe(202);
  });

  it.each<[string, Record<string, string>]>([
    ['missing', {}],
    ['wrong', { 'x-hub-signature-256': hmac('another secret', text) }],
    ['that of another body', { 'x-hub-signature-256': hmac(SECRET, `${text} `) }],
    ['of an older kind', { 'x-hub-signature': `sha1=${'a'.repeat(40)}` }],
  ])('that is %s is 401, and nothing is recorded', async (_, headers) => {
    const { id, post } = await ingress.trigger({ signingSecret: SECRET });
    expect(await post(text, { ...signed.headers, ...headers })).toMatchObject({
      status: 401,
      body: { code: 'bad-signature' },
    });
    expect(await countOf(id)).toBe(0);
  });

  it('is asked of an empty body too', async () => {
    const { post } = await ingress.trigger({ signingSecret: SECRET });
    expect((await post('')).status).toBe(401);
    expect((await post('', { 'x-hub-signature-256': hmac(SECRET, '') })).status).toBe(202);
  });

  it('cannot be escaped through a vendor that cannot sign', async () => {
    const { id, post } = await ingress.trigger({ signingSecret: SECRET });
    const dockerhub = { push_data: { tag: '1' }, repository: { repo_name: 'acme/shop' } };
    expect((await post(dockerhub)).status).toBe(401);
    expect(await countOf(id)).toBe(0);
    const open = await ingress.trigger();
    expect((await open.post(dockerhub)).status).toBe(202);
  });

  it('is judged before the body is: a broken one tells a stranger nothing', async () => {
    const { post } = await ingress.trigger({ signingSecret: SECRET });
    expect((await post({ ref: 7 }, { 'x-github-event': 'push' })).status).toBe(401);
  });
});

describe('an address that is nobody’s', () => {
  it('is 404, the same whatever was asked', async () => {
    const long = 'x'.repeat(3_000);
    const answers = await Promise.all([
      ingress.post('nobody', { image: 'depot.test/crate:1' }),
      ingress.post('nobody', '', { 'content-encoding': 'gzip' }),
      ingress.post(long, githubPush().body, githubPush().headers),
      ingress.post('%00', {}),
      ingress.post('%zz', {}),
    ]);
    for (const answer of answers) {
      expect(answer).toMatchObject({
        status: 404,
        body: { code: 'not-found', detail: 'There is nothing at this address.' },
      });
      expect(answer.body).toEqual(answers[0].body);
    }
  });

  it('is 404 for another method and for everything else', async () => {
    const { secret } = await ingress.trigger();
    for (const [method, url] of [
      ['GET', `/api/webhook/triggers/${secret}`],
      ['PUT', `/api/webhook/triggers/${secret}`],
      ['POST', '/api/workloads'],
      ['GET', '/'],
    ] as const) {
      expect((await ingress.server.inject({ method, url })).statusCode).toBe(404);
    }
  });
});

describe('a body that is not taken', () => {
  it('is 415 when it is compressed', async () => {
    const { id, post } = await ingress.trigger();
    expect(await post(gzipSync('{"image":"depot.test/crate:1"}'), { 'content-encoding': 'gzip' })).toMatchObject({
      status: 415,
      body: { code: 'content-encoding' },
    });
    expect(await countOf(id)).toBe(0);
    expect((await post({ image: 'depot.test/crate:1' }, { 'content-encoding': 'identity' })).status).toBe(202);
  });

  it('is 415 when its type is no media type', async () => {
    const { post } = await ingress.trigger();
    expect(await post({ image: 'depot.test/crate:1' }, { 'content-type': 'garbage' })).toMatchObject({
      status: 415,
      body: { code: 'content-type' },
    });
  });

  it('is 413 by the setting', async () => {
    const own = await startIngress();
    try {
      await own.store.commit([on(settings, SETTINGS_ID, { type: 'ChangeSettings', changes: { maxBodyBytes: 2048 } })], {
        actor: 'system:test',
        correlationId: 'test',
      });
      const { post } = await own.trigger();
      const padded = (bytes: number) => JSON.stringify({ image: 'depot.test/crate:1' }).padEnd(bytes, ' ');
      expect((await post(padded(2048))).status).toBe(202);
      expect(await post(padded(2049))).toMatchObject({
        status: 413,
        body: { code: 'body-too-large', detail: 'The body may take 2048 bytes at most.' },
      });
    } finally {
      await own.close();
    }
  });

  it('is 413 over 25 MiB, whatever the settings say', async () => {
    const { post } = await ingress.trigger();
    expect(await post(Buffer.alloc(25 * 1024 * 1024 + 1, ' '))).toMatchObject({
      status: 413,
      body: { code: 'body-too-large' },
    });
  });
});
