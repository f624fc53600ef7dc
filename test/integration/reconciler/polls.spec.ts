import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Http, HttpAnswer } from '#plugins/http';
import { processDelivery } from '../../../apps/deploy-worker/src/fan-out/fan-out.processor.js';
import { createPoller } from '../../../apps/reconciler/src/triggers/poller.js';
import { crateSource } from '../../support/crate.js';
import { follow, push, startFanOut, type FanOut } from '../fan-out/fixture.js';

const digest = (letter: string) => `sha256:${letter.repeat(64)}`;
const MINUTE = 60_000;

let ground: FanOut;
/** A registry at the far end of the one way out: tag → digest, and what was asked of it. */
let tags: Map<string, string>;
let asked: string[];
let refusal: HttpAnswer | null;
let now: number;

beforeEach(async () => {
  ground = await startFanOut({ source: crateSource(), enqueues: false });
  tags = new Map([['main', digest('a')]]);
  asked = [];
  refusal = null;
  now = Date.now();
});
afterEach(() => ground.close());

const answer = (status: number, headers = {}, body: object = {}): HttpAnswer => ({
  status,
  headers,
  body: new TextEncoder().encode(JSON.stringify(body)),
});
const http: Http = {
  request: async (url, { method = 'GET' } = {}) => {
    const path = new URL(url).pathname;
    asked.push(`${method} ${path}`);
    if (refusal !== null) return refusal;
    if (path.endsWith('/tags/list')) return answer(200, {}, { tags: [...tags.keys()] });
    const found = tags.get(path.split('/').at(-1)!);
    return found === undefined ? answer(404) : answer(200, { 'docker-content-digest': found });
  },
  stream: () => Promise.reject(new Error('nothing is streamed here')),
};
const poll = { everySeconds: 60, jitter: 0 };
/** A round so many minutes later, and what its deliveries were judged to be. */
async function round(minutes = 0): Promise<string[]> {
  now += minutes * MINUTE;
  const { store, secrets, plugins, logger } = ground.deps;
  await createPoller({ store, secrets, ...plugins, logger, http })(new Date(now));
  const open = await ground.rows(`select id from view.delivery where status = 'accepted' order by id`);
  for (const { id } of open) await processDelivery(ground.deps, String(id));
  const codes = await Promise.all(open.map(({ id }) => ground.verdicts(String(id))));
  return codes.flat().map(({ verdict, code }) => `${String(verdict)} ${String(code)}`);
}

describe('a poll', () => {
  it('starts from what it finds, deploys what comes after, and tells the same news once', async () => {
    const triggerId = await ground.trigger({ config: { ...follow('main'), poll } });
    const [bound] = await ground.bindAll(triggerId, [{}]);
    expect(await round()).toEqual(['filtered baseline']);
    expect((await ground.eventsOf(`binding-${bound!.bindingId}`)).map(({ type }) => type)).toEqual([
      'BindingCreated',
      'TriggerBaselined',
    ]);
    expect(await round(2)).toEqual([]);
    tags.set('main', digest('b'));
    expect(await round(2)).toEqual(['matched tag-pushed']);
    expect(await round(2)).toEqual([]);
    expect(await ground.rows('select reason from view.deployment')).toEqual([{ reason: 'poll' }]);
    tags.set('main', digest('a'));
    expect(await round(2)).toEqual(['matched tag-pushed']);
  });

  it('finds nothing new where the push came in, and what was lost where it did not', async () => {
    const triggerId = await ground.trigger({ config: { ...follow('main'), poll } });
    await ground.bindAll(triggerId, [{}]);
    const pushed = await ground.deliver(triggerId, [push('main', digest('a'))]);
    await processDelivery(ground.deps, pushed);
    expect(await round()).toEqual([]);
    tags.set('main', digest('b'));
    expect(await round(2)).toEqual(['matched tag-pushed']);
  });

  it('asks once for forty bindings of two triggers', async () => {
    for (const count of [30, 10]) {
      const triggerId = await ground.trigger({ config: { ...follow('main'), poll } });
      await ground.bindAll(
        triggerId,
        Array.from({ length: count }, () => ({})),
      );
    }
    expect(await round()).toHaveLength(40);
    expect(asked).toEqual(['HEAD /v2/crate/manifests/main']);
  });

  it('takes the highest version that fits by the ranking of pushes', async () => {
    for (const tag of ['1.9.0', '1.10.0', '2.0.0', 'latest', '1']) tags.set(tag, digest('c'));
    const select = { policy: 'semver', range: '>=1.0.0 <2.0.0' };
    const triggerId = await ground.trigger({ config: { select, poll } });
    await ground.bindAll(triggerId, [{}]);
    expect(await round()).toEqual(['filtered baseline']);
    expect(asked).toEqual(['GET /v2/crate/tags/list', 'HEAD /v2/crate/manifests/1.10.0']);
    tags.set('1.11.0', digest('d'));
    expect(await round(2)).toEqual(['matched newer']);
  });

  it('waits as long as it is told to, then less often, and an hour where a person has to mend it', async () => {
    const triggerId = await ground.trigger({ config: { ...follow('main'), poll } });
    await ground.bindAll(triggerId, [{}]);
    const waited = async () => {
      const [row] = await ground.rows('select next_at, error, failures from state.watch');
      return { seconds: Math.round((Number(row!.next_at) - now) / 1000), error: row!.error, failures: row!.failures };
    };
    refusal = answer(429, { 'retry-after': '600' });
    await round();
    expect(await waited()).toMatchObject({ seconds: 600, failures: 1, error: expect.stringContaining('429') });
    asked = [];
    await round(9);
    expect(asked).toEqual([]);
    refusal = answer(503);
    await round(2);
    expect(await waited()).toMatchObject({ seconds: 120, failures: 2 });
    refusal = answer(403);
    await round(3);
    expect(await waited()).toMatchObject({ seconds: 3_600, error: expect.stringContaining('refused access') });
    refusal = null;
    expect(await round(61)).toEqual(['filtered baseline']);
    expect(await waited()).toMatchObject({ seconds: 60, failures: 0, error: null });
  });

  it('ends with its binding', async () => {
    const triggerId = await ground.trigger({ config: { ...follow('main'), poll } });
    await ground.bindAll(triggerId, [{}]);
    await round();
    await ground.store.pool.query('update view.binding set enabled = false');
    await round(2);
    expect(await ground.rows('select 1 from state.watch')).toEqual([]);
  });
});
