import { afterAll, beforeAll, expect, it } from 'vitest';
import { githubPush, startIngress, type Answer, type TestIngress } from './fixture.js';

let ingress: TestIngress;
beforeAll(async () => {
  ingress = await startIngress();
});
afterAll(() => ingress.close());

const idsOf = (answers: readonly Answer[], status: number) =>
  answers
    .filter((answer) => answer.status === status)
    .map(({ body }) => String(body.deliveryId))
    .sort();

it('of 500 deliveries at once each that is answered 202 is stored exactly once (I1)', async () => {
  const { id, post } = await ingress.trigger();
  const heard: string[] = [];
  const stop = ingress.store.onCommitted((events) => heard.push(...events.map(({ stream }) => stream)));
  // Every fifth one is a duplicate of its neighbour.
  const sent = Array.from({ length: 500 }, (_, n) => githubPush(`burst-${n % 5 === 4 ? n - 1 : n}`));
  const answers = await Promise.all(sent.map(({ body, headers }) => post(body, headers)));
  stop();
  const accepted = idsOf(answers, 202);
  expect(accepted).toHaveLength(400);
  expect(answers.filter(({ status, body }) => status === 200 && body.status === 'duplicate')).toHaveLength(100);
  const column = async (sql: string) => (await ingress.rows(sql, [id])).map((row) => String(row.id)).sort();
  expect(await column('select id from view.delivery where trigger_id = $1')).toEqual(accepted);
  expect(await column('select delivery_id as id from state.delivery_key where trigger_id = $1')).toEqual(accepted);
  expect(
    await column(
      'select delivery_id as id from state.delivery_body b join view.delivery d on d.id = b.delivery_id where d.trigger_id = $1',
    ),
  ).toEqual(accepted);
  const streams = accepted.map((delivery) => `delivery-${delivery}`);
  const events = await ingress.rows(
    'select stream, version, type from log.event where stream = any ($1) order by stream',
    [streams],
  );
  expect(events).toEqual(streams.map((stream) => ({ stream, version: 1, type: 'DeliveryRecorded' })));
  expect(heard.sort()).toEqual(streams);
  const duplicates = new Set(answers.filter(({ status }) => status === 200).map(({ body }) => body.of));
  expect([...duplicates].every((of) => accepted.includes(String(of)))).toBe(true);
});

it('what comes at once is written in few transactions, none over 64 deliveries', async () => {
  const { id, post } = await ingress.trigger();
  const sent = Array.from({ length: 300 }, () => githubPush());
  const answers = await Promise.all(sent.map(({ body, headers }) => post(body, headers)));
  expect(idsOf(answers, 202)).toHaveLength(300);
  const batches = await ingress.rows(
    `select count(*)::int as size from log.event e join view.delivery d on e.stream = 'delivery-' || d.id where d.trigger_id = $1 group by e.xmin::text`,
    [id],
  );
  const sizes = batches.map(({ size }) => Number(size));
  expect(Math.max(...sizes)).toBeLessThanOrEqual(64);
  expect(sizes.length).toBeLessThanOrEqual(60);
});

it('answers carry on over many triggers, whatever state these are in', async () => {
  const kinds = [
    { bindings: 1 },
    { bindings: 0 },
    { webhookEnabled: false },
    { signingSecret: 'signed, or it does not count' },
  ] as const;
  const triggers = await Promise.all(kinds.map((options) => ingress.trigger(options)));
  const sent = Array.from({ length: 200 }, (_, n) => ({ ...githubPush(), to: triggers[n % 4]! }));
  const answers = await Promise.all(sent.map(({ to, body, headers }) => to.post(body, headers)));
  const words = answers.map(({ status, body }) => `${status} ${String(body.code ?? body.status)}`);
  expect(words).toEqual(
    sent.map((_, n) => ['202 accepted', '200 no-binding', '200 disabled', '401 bad-signature'][n % 4]),
  );
});
