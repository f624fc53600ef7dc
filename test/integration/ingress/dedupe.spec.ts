import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { envelope, githubPush, startIngress, type TestIngress } from './fixture.js';

let ingress: TestIngress;
beforeAll(async () => {
  ingress = await startIngress();
});
afterAll(() => ingress.close());

const deliveriesOf = (triggerId: string) =>
  ingress.rows('select id, events from view.delivery where trigger_id = $1 order by id', [triggerId]);
const tagsOf = async (triggerId: string) =>
  (await deliveriesOf(triggerId)).map(({ events }) => (events as { tag: string }[]).map(({ tag }) => tag));
/** Lets time pass for what is remembered. */
const age = (triggerId: string, interval: string) =>
  ingress.rows('update state.delivery_key set expires_at = expires_at - $2::interval where trigger_id = $1', [
    triggerId,
    interval,
  ]);

describe('a vendor’s delivery id', () => {
  it('is remembered for 30 days', async () => {
    const { id, post } = await ingress.trigger();
    const { body, headers } = githubPush();
    const first = await post(body, headers);
    await age(id, '29 days 23 hours');
    expect(await post(body, headers)).toMatchObject({ status: 200, body: { of: first.body.deliveryId } });
    await age(id, '2 hours');
    expect((await post(body, headers)).status).toBe(202);
    expect(await deliveriesOf(id)).toHaveLength(2);
  });

  it('counts, not the body', async () => {
    const { post } = await ingress.trigger();
    const { body } = githubPush();
    const statuses = [];
    for (const id of ['g1', 'g2', 'g1']) statuses.push((await post(body, githubPush(id).headers)).status);
    expect(statuses).toEqual([202, 202, 200]);
  });

  it('is one trigger’s own', async () => {
    const { body, headers } = githubPush();
    const [one, other] = [await ingress.trigger(), await ingress.trigger()];
    expect([(await one.post(body, headers)).status, (await other.post(body, headers)).status]).toEqual([202, 202]);
  });

  it('is taken once by any number that come together', async () => {
    const { id, post } = await ingress.trigger();
    const { body, headers } = githubPush();
    const answers = await Promise.all(Array.from({ length: 150 }, () => post(body, headers)));
    const [first] = answers.filter(({ status }) => status === 202);
    expect(answers.filter(({ status }) => status === 202)).toHaveLength(1);
    expect(new Set(answers.filter(({ status }) => status === 200).map(({ body }) => body.of))).toEqual(
      new Set([first?.body.deliveryId]),
    );
    expect(await deliveriesOf(id)).toHaveLength(1);
  });
});

describe('without an id the body', () => {
  it('is remembered for ten minutes', async () => {
    const { id, post } = await ingress.trigger();
    const first = await post({ image: 'depot.test/crate:1' });
    await age(id, '9 minutes 50 seconds');
    expect(await post({ image: 'depot.test/crate:1' })).toMatchObject({
      status: 200,
      body: { status: 'duplicate', of: first.body.deliveryId },
    });
    expect((await post({ image: 'depot.test/crate:2' })).status).toBe(202);
    await age(id, '11 seconds');
    expect((await post({ image: 'depot.test/crate:1' })).status).toBe(202);
  });

  it('counts byte for byte', async () => {
    const { post } = await ingress.trigger();
    expect((await post('{"image":"depot.test/crate:1"}')).status).toBe(202);
    expect((await post('{"image": "depot.test/crate:1"}')).status).toBe(202);
  });

  it('counts each time when it is empty: somebody pressed a button', async () => {
    const { id, post } = await ingress.trigger();
    const answers = [await post(''), await post(''), ...(await Promise.all([post(''), post('')]))];
    expect(answers.map(({ status }) => status)).toEqual([202, 202, 202, 202]);
    const rows = await ingress.rows('select vendor, origin, events from view.delivery where trigger_id = $1', [id]);
    expect(rows).toEqual(
      Array.from({ length: 4 }, () => ({ vendor: 'manual', origin: 'manual', events: [{ kind: 'manual' }] })),
    );
  });

  it('counts once for an empty one with an id', async () => {
    const { post } = await ingress.trigger();
    expect((await post('', { 'webhook-id': 'pressed-1' })).status).toBe(202);
    expect((await post('', { 'webhook-id': 'pressed-1' })).status).toBe(200);
  });
});

describe('the events of an envelope', () => {
  const send = (
    post: (
      body: unknown,
      headers?: Record<string, string>,
    ) => Promise<{ status: number; body: Record<string, unknown> }>,
    ...ids: (string | null)[]
  ) => {
    const { body, headers } = envelope(...ids);
    return post(body, headers);
  };

  it('are remembered one by one: the fresh ones are recorded', async () => {
    const { id, post } = await ingress.trigger();
    const first = await send(post, 'a', 'b');
    expect((await send(post, 'b', 'c')).status).toBe(202);
    expect((await send(post, 'c', 'd', 'a', 'e')).status).toBe(202);
    expect(await tagsOf(id)).toEqual([['tag-a', 'tag-b'], ['tag-c'], ['tag-d', 'tag-e']]);
    expect(await send(post, 'a')).toMatchObject({
      status: 200,
      body: { status: 'duplicate', of: first.body.deliveryId },
    });
  });

  it('make a duplicate when all of them are known, in whatever order and envelope', async () => {
    const { id, post } = await ingress.trigger();
    await send(post, 'a', 'b');
    await send(post, 'c');
    expect((await send(post, 'c', 'b', 'a')).status).toBe(200);
    expect(await deliveriesOf(id)).toHaveLength(2);
  });

  it('are recorded once when the envelope names one twice', async () => {
    const { id, post } = await ingress.trigger();
    await send(post, 'a', 'a', 'b');
    expect(await tagsOf(id)).toEqual([['tag-a', 'tag-b']]);
  });

  it('without ids are known by the envelope’s body', async () => {
    const { id, post } = await ingress.trigger();
    expect((await send(post, null)).status).toBe(202);
    expect((await send(post, null)).status).toBe(200);
    expect(await deliveriesOf(id)).toHaveLength(1);
  });

  it('with and without ids: those without come along with what is fresh', async () => {
    const { id, post } = await ingress.trigger();
    await send(post, 'a');
    expect((await send(post, 'a', null)).status).toBe(202);
    expect((await send(post, 'a', null)).status).toBe(200);
    expect(await tagsOf(id)).toEqual([['tag-a'], ['tag-x']]);
  });

  it('lose none and double none when overlapping envelopes come together', async () => {
    const { id, post } = await ingress.trigger();
    const names = Array.from({ length: 60 }, (_, n) => `n${n}`);
    // Each event stands in three envelopes.
    const answers = await Promise.all(
      names.map((_, n) => send(post, ...[n, n + 1, n + 2].map((at) => names[at % names.length]!))),
    );
    expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([200, 202]));
    const recorded = (await tagsOf(id)).flat().sort();
    expect(recorded).toEqual(names.map((name) => `tag-${name}`).sort());
  });

  it('are looked at again when another ingress has written one of them meanwhile', async () => {
    const { id, post } = await ingress.trigger();
    const other = await ingress.store.pool.connect();
    await other.query('begin');
    await other.query(
      `insert into state.delivery_key values ($1, 'event:distribution:b', $2, now() + interval '1 day')`,
      [id, '00000000-0000-7000-8000-000000000001'],
    );
    const sent = send(post, 'a', 'b', 'c');
    while ((await ingress.rows('select 1 from pg_locks where not granted')).length === 0);
    await other.query('commit');
    other.release();
    expect((await sent).status).toBe(202);
    expect(await tagsOf(id)).toEqual([['tag-a', 'tag-c']]);
  });
});
