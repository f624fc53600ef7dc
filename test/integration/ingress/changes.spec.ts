import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { bind, hmac, setBindingEnabled, startIngress, urlSecret, type TestIngress } from './fixture.js';
import { until } from '../../support/until.js';

let ingress: TestIngress;
beforeAll(async () => {
  ingress = await startIngress();
});
afterAll(() => ingress.close());

let count = 0;
const image = () => ({ image: `depot.test/crate:${(count += 1)}` });
const statusOf = async (answer: Promise<{ status: number; body: Record<string, unknown> }>) => {
  const { status, body } = await answer;
  return [status, body.code ?? body.status];
};
/** A trigger that the ingress has just seen, and has in its cache. */
async function known(options: Parameters<TestIngress['trigger']>[0] = {}) {
  const trigger = await ingress.trigger(options);
  expect(await statusOf(trigger.post(image()))).toEqual([202, 'accepted']);
  return trigger;
}

describe('a change of the trigger counts at once', () => {
  it('when it is switched off, and on again', async () => {
    const { post, change } = await known();
    await change({ type: 'ChangeTrigger', changes: { webhookEnabled: false } });
    expect(await statusOf(post(image()))).toEqual([200, 'disabled']);
    await change({ type: 'ChangeTrigger', changes: { webhookEnabled: true } });
    expect(await statusOf(post(image()))).toEqual([202, 'accepted']);
  });

  it('when it gets a signing secret', async () => {
    const { post, change } = await known();
    const { ref, statement } = ingress.secrets.seal('signed from now on');
    await ingress.store.pool.query(statement.text, [...statement.values]);
    await change({ type: 'ChangeTrigger', changes: { signingSecret: ref } });
    const text = JSON.stringify(image());
    expect(await statusOf(post(text))).toEqual([401, 'bad-signature']);
    expect(await statusOf(post(text, { 'x-hub-signature-256': hmac('signed from now on', text) }))).toEqual([
      202,
      'accepted',
    ]);
  });

  it('when it pins a vendor', async () => {
    const { post, change } = await known();
    await change({ type: 'ChangeTrigger', changes: { vendor: 'harbor' } });
    expect((await post(image())).status).not.toBe(202);
  });

  it('when it is deleted', async () => {
    const { id, post, change } = await known();
    await change({ type: 'DeleteTrigger' });
    expect(await statusOf(post(image()))).toEqual([404, 'not-found']);
    expect(await ingress.rows('select id from view.delivery where trigger_id = $1', [id])).toHaveLength(1);
  });

  it('when its bindings come and go', async () => {
    const { id, post } = await ingress.trigger({ bindings: 0 });
    expect(await statusOf(post(image()))).toEqual([200, 'no-binding']);
    const bindingId = await bind(ingress.store, id);
    expect(await statusOf(post(image()))).toEqual([202, 'accepted']);
    await setBindingEnabled(ingress.store, bindingId, false);
    expect(await statusOf(post(image()))).toEqual([200, 'no-binding']);
  });

  it('for those that wait with others in one batch', async () => {
    const [changed, unchanged] = [await known(), await known()];
    await changed.change({ type: 'ChangeTrigger', changes: { webhookEnabled: false } });
    const answers = await Promise.all(
      [changed, unchanged, changed, unchanged].map(({ post }) => statusOf(post(image()))),
    );
    expect(answers).toEqual([
      [200, 'disabled'],
      [202, 'accepted'],
      [200, 'disabled'],
      [202, 'accepted'],
    ]);
  });
});

describe('a rotated URL secret', () => {
  async function rotate(overlapMs: number) {
    const trigger = await known();
    const fresh = `fresh-${trigger.secret}`;
    const { urlSecret: next, statement } = urlSecret(ingress.secrets, fresh);
    await ingress.store.pool.query(statement.text, [...statement.values]);
    const previousUntil = new Date(Date.now() + overlapMs).toISOString();
    await trigger.change({ type: 'RotateUrlSecret', urlSecret: next, previousUntil });
    return { old: trigger, post: (body: unknown) => ingress.post(fresh, body) };
  }

  it('is good at once, and the old one for as long as they overlap', async () => {
    const { old, post } = await rotate(60_000);
    expect(await statusOf(post(image()))).toEqual([202, 'accepted']);
    expect(await statusOf(old.post(image()))).toEqual([202, 'accepted']);
    await ingress.rows(`update view.trigger set previous_until = now() where id = $1`, [old.id]);
    await until(async () => (await old.post(image())).status === 404, 'the cache to let go of the old secret', 5_000);
    expect(await statusOf(post(image()))).toEqual([202, 'accepted']);
  });

  it('without an overlap ends the old one at once', async () => {
    const { old, post } = await rotate(0);
    expect(await statusOf(old.post(image()))).toEqual([404, 'not-found']);
    expect(await statusOf(post(image()))).toEqual([202, 'accepted']);
  });

  it('knows the same duplicates under both secrets', async () => {
    const { old, post } = await rotate(60_000);
    const body = image();
    expect(await statusOf(post(body))).toEqual([202, 'accepted']);
    expect(await statusOf(old.post(body))).toEqual([200, 'duplicate']);
  });

  it('is found by no guess: neither by its hash nor by its id', async () => {
    const { old } = await rotate(60_000);
    const [row] = await ingress.rows('select url_secret_hash as hash from view.trigger where id = $1', [old.id]);
    expect((await ingress.post(String(row?.hash), image())).status).toBe(404);
    expect((await ingress.post(old.id, image())).status).toBe(404);
  });
});
