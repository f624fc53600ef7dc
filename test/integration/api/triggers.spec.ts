import { createHash } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { DIGEST, expectProblem, startTestApi, type Answer, type Api } from './fixture.js';
import { window } from './window-trigger.js';

let api: Api;
beforeAll(
  async () =>
    (api = await startTestApi({
      env: { TINYFORGE_PUBLIC_INGRESS_URL: 'https://hooks.example.org' },
      triggers: [window],
    })),
);
afterAll(() => api.stop());

const NOWHERE = '01980000-0000-7000-8000-000000000000';
const SEMVER = { select: { policy: 'semver', range: '>=1.0.0 <2.0.0' } };

describe('triggers', () => {
  test('are made with a webhook, listed, read, changed and deleted with their bindings', async () => {
    const made = await api.trigger({ name: 'releases', config: SEMVER });
    expect(made).toMatchObject({ kind: 'registry', name: 'releases', config: SEMVER, bindingCount: 0 });
    expect(made['webhook']).toEqual({ enabled: true, signed: false, vendor: null, lastDeliveryAt: null });
    expect((await api.trigger({ kind: 'manual' }))['webhook'].enabled).toBe(false);
    const { id } = await api.workload();
    await api.call('post', `/api/triggers/${made['id']}/bindings`, { workloadId: id }).expect(201);
    const listed = (await api.call('get', '/api/triggers?kind=registry&q=releas').expect(200)).body.items;
    expect(listed).toMatchObject([{ id: made['id'], bindingCount: 1 }]);
    const changed = await api.call('patch', `/api/triggers/${made['id']}`, { name: 'all releases' }).expect(200);
    expect(changed.body).toMatchObject({ name: 'all releases', config: SEMVER });
    await api.call('delete', `/api/triggers/${made['id']}`).expect(204);
    expectProblem(await api.call('get', `/api/triggers/${made['id']}`), 404, 'not-found');
    expect((await api.call('get', `/api/workloads/${id}/triggers`)).body.items).toEqual([]);
  });

  test.each<[string, object, string, string[]]>([
    ['an unknown kind', { kind: 'carrier-pigeon' }, 'unknown-kind', ['/kind']],
    ['an unknown vendor', { vendor: 'nobody' }, 'unknown-vendor', ['/vendor']],
    [
      'a vendor that never signs, with a secret',
      { vendor: 'quay', signingSecret: 'long enough' },
      'invalid-vendor',
      ['/vendor'],
    ],
    ['an empty signing secret', { signingSecret: '' }, 'invalid-body', ['/signingSecret']],
    [
      'a secret that there is none to keep of',
      { signingSecret: { $secret: 'set' } },
      'unknown-secret',
      ['/signingSecret'],
    ],
    [
      'each bad field of a config',
      { config: { track: 'x', minAgeSeconds: -1, y: 1 } },
      'invalid-config',
      ['/config/y', '/config/track', '/config/minAgeSeconds'],
    ],
    [
      'a range that is none',
      { config: { select: { policy: 'semver', range: 'latest!' } } },
      'invalid-config',
      ['/config/select/range'],
    ],
    ['an unknown field', { url: 'x' }, 'unknown-field', ['/url']],
    ['a config that is text', { config: 'x' }, 'invalid-body', ['/config']],
  ])('refuse %s', async (_what, more, code, pointers) => {
    const answer = await api.call('post', '/api/triggers', { kind: 'registry', name: 'bad', config: {}, ...more });
    expectProblem(answer, 400, code, pointers);
    expect((await api.call('get', '/api/triggers?q=bad')).body.items).toEqual([]);
  });

  test('have a name that is theirs alone, within their kind', async () => {
    await api.trigger({ name: 'twice' });
    expectProblem(
      await api.call('post', '/api/triggers', { kind: 'registry', name: 'twice', config: {} }),
      409,
      'name-taken',
    );
    await api.trigger({ kind: 'manual', name: 'twice' });
  });
});

describe('webhook', () => {
  test('shows its URL, whose hash finds the trigger, and rotates it with an overlap', async () => {
    const { id } = await api.trigger();
    const before = (await api.call('get', `/api/triggers/${id}/webhook`).expect(200)).body;
    expect(before).toMatchObject({
      enabled: true,
      signed: false,
      url: `https://hooks.example.org/api/webhook/triggers/${before.secret}`,
    });
    expect(Buffer.from(before.secret, 'base64url')).toHaveLength(32);
    const after = (await api.call('post', `/api/triggers/${id}/webhook/rotate`, { overlapSeconds: 60 }).expect(200))
      .body;
    expect(after.secret).not.toBe(before.secret);
    const { rows } = await api.opened.store.pool.query(
      'select url_secret_hash, previous_secret_hash, previous_until > now() as open from view.trigger where id = $1',
      [id],
    );
    const hash = (secret: string) => createHash('sha256').update(secret).digest('hex');
    expect(rows).toEqual([
      { url_secret_hash: hash(after.secret), previous_secret_hash: hash(before.secret), open: true },
    ]);
  });

  test('is switched off, signed and pinned', async () => {
    const { id } = await api.trigger();
    const changed = (
      await api
        .call('patch', `/api/triggers/${id}/webhook`, {
          enabled: false,
          vendor: 'github',
          signingSecret: 'long enough',
        })
        .expect(200)
    ).body;
    expect(changed).toMatchObject({ enabled: false, signed: true, vendor: 'github' });
    // Kept when it comes back masked; taken away by null.
    await api.call('patch', `/api/triggers/${id}`, { signingSecret: { $secret: 'set' } }).expect(200);
    expect((await api.call('get', `/api/triggers/${id}`)).body.webhook).toMatchObject({
      signed: true,
      vendor: 'github',
    });
    expectProblem(await api.call('patch', `/api/triggers/${id}/webhook`, { vendor: 'quay' }), 400, 'invalid-vendor', [
      '/vendor',
    ]);
    expect(
      (await api.call('patch', `/api/triggers/${id}/webhook`, { signingSecret: null }).expect(200)).body.signed,
    ).toBe(false);
  });

  test('is for editors', async () => {
    const { id } = await api.trigger();
    const token = await api.token('deployer');
    expectProblem(await api.call('get', `/api/triggers/${id}/webhook`, undefined, { token }), 403, 'role-too-low');
  });
});

describe('bindings', () => {
  test('are made with their trigger in one write, or with one that is there', async () => {
    const { id, name } = await api.workload();
    const inline = { kind: 'registry', name: 'inline', config: SEMVER, override: { track: 'both', image: null } };
    const made = (await api.call('post', `/api/workloads/${id}/triggers`, inline).expect(201)).body;
    expect(made).toMatchObject({
      triggerName: 'inline',
      triggerKind: 'registry',
      workloadId: id,
      workloadName: name,
      enabled: true,
      overriddenFields: ['image', 'track'],
    });
    const other = await api.trigger();
    const bound = (
      await api.call('post', `/api/workloads/${id}/triggers`, { triggerId: other['id'], enabled: false }).expect(201)
    ).body;
    expect(bound).toMatchObject({ triggerId: other['id'], enabled: false, override: {} });
    const listed = (await api.call('get', `/api/workloads/${id}/triggers`)).body.items.map((row: Answer) => row['id']);
    expect(listed).toEqual([bound.id, made.id]);
    expectProblem(
      await api.call('post', `/api/workloads/${id}/triggers`, { triggerId: other['id'] }),
      409,
      'already-bound',
    );
  });

  test('that are refused leave no trigger behind', async () => {
    const { id } = await api.workload();
    const inline = { kind: 'registry', name: 'left behind', config: {} };
    const bad: [object, number, string, string[]?][] = [
      [{ ...inline, override: { track: 'x' } }, 400, 'invalid-override', ['/override/track']],
      [{ ...inline, override: [] }, 400, 'invalid-body', ['/override']],
      [{ ...inline, override: 'x' }, 400, 'invalid-body', ['/override']],
      [{ ...inline, override: { image: 'x'.repeat(8192) } }, 400, 'override-too-large', ['/override']],
      [{ ...inline, triggerId: NOWHERE }, 400, 'invalid-body'],
      [{ name: 'left behind' }, 400, 'invalid-body', ['/kind']],
      [{ triggerId: NOWHERE }, 400, 'unknown-trigger', ['/triggerId']],
      [{}, 400, 'invalid-body', ['/kind']],
    ];
    for (const [body, status, code, pointers] of bad)
      expectProblem(await api.call('post', `/api/workloads/${id}/triggers`, body), status, code, pointers);
    expect((await api.call('get', '/api/triggers?q=left')).body.items).toEqual([]);
    expectProblem(await api.call('post', `/api/workloads/${NOWHERE}/triggers`, inline), 404, 'not-found');
  });

  test('count bytes, not characters', async () => {
    const { id } = await api.workload();
    const override = (fill: string) => ({ select: { policy: 'semver', range: '>=1.0.0', include: [fill] } });
    const room = 8192 - Buffer.byteLength(JSON.stringify(override('')));
    const bind = (fill: string) =>
      api.call('post', `/api/workloads/${id}/triggers`, {
        kind: 'registry',
        name: `n${fill.length}`,
        override: override(fill),
      });
    expectProblem(await bind('é'.repeat(room / 2 + 1)), 400, 'override-too-large', ['/override']);
    expectProblem(await bind('x'.repeat(room + 1)), 400, 'override-too-large', ['/override']);
  });

  test('show what counts', async () => {
    const { id } = await api.workload();
    const { id: binding } = (
      await api.call('post', `/api/workloads/${id}/triggers`, {
        kind: 'registry',
        name: 'effective',
        config: SEMVER,
        override: { track: 'both' },
      })
    ).body;
    const { body } = await api.call('get', `/api/bindings/${binding}/effective`).expect(200);
    expect(body).toMatchObject({
      base: SEMVER,
      override: { track: 'both' },
      overriddenFields: ['track'],
      config: {
        track: 'both',
        downgrade: 'forbid',
        image: 'registry.example.org/acme/shop',
        select: { range: '>=1.0.0 <2.0.0', prerelease: false },
      },
    });
  });

  test('are switched, overridden and removed', async () => {
    const { id } = await api.workload();
    const { id: binding, version } = (
      await api.call('post', `/api/workloads/${id}/triggers`, { kind: 'registry', name: 'switched' })
    ).body;
    const off = await api.call(
      'patch',
      `/api/bindings/${binding}`,
      { enabled: false, override: { track: 'digest' } },
      { headers: { 'if-match': `"${version}"` } },
    );
    expect(off.body).toMatchObject({ enabled: false, override: { track: 'digest' }, version: version + 1 });
    expectProblem(
      await api.call('patch', `/api/bindings/${binding}`, { override: { track: 1 } }),
      400,
      'invalid-override',
      ['/override/track'],
    );
    expectProblem(await api.call('patch', `/api/bindings/${binding}`, { override: null }), 400, 'invalid-body', [
      '/override',
    ]);
    expect(
      (await api.call('patch', `/api/bindings/${binding}`, { override: {} }).expect(200)).body.overriddenFields,
    ).toEqual([]);
    await api.call('delete', `/api/bindings/${binding}`).expect(204);
    expectProblem(await api.call('get', `/api/bindings/${binding}`), 404, 'not-found');
  });

  test('that a change of the trigger would break are named, and nothing is changed', async () => {
    const [late, early] = [await api.workload(), await api.workload()];
    const { id } = await api.trigger({ kind: 'window', config: { from: 0, to: 10 } });
    const bind = (workloadId: string, override: object) =>
      api.call('post', `/api/triggers/${id}/bindings`, { workloadId, override });
    await bind(late['id'], { from: 8 }).expect(201);
    await bind(early['id'], { from: 2 }).expect(201);
    const answer = await api.call('patch', `/api/triggers/${id}`, { config: { from: 0, to: 5 } });
    expectProblem(answer, 409, 'binding-broken', ['/config/to']);
    expect(answer.body.detail).toContain(late['name']);
    expect(answer.body.detail).not.toContain(early['name']);
    expect((await api.call('get', `/api/triggers/${id}`)).body.config).toEqual({ from: 0, to: 10 });
    await api.call('patch', `/api/triggers/${id}`, { config: { from: 0, to: 9 } }).expect(200);
    expectProblem(await bind((await api.workload())['id'], { from: 11 }), 400, 'invalid-override', ['/override/to']);
  });
});

describe('POST /api/triggers/{id}/fire', () => {
  test('records a delivery that every enabled binding is to judge', async () => {
    const { id } = await api.workload();
    const { triggerId } = (await api.call('post', `/api/workloads/${id}/triggers`, { kind: 'registry', name: 'fired' }))
      .body;
    const event = {
      kind: 'image-push',
      registry: 'registry.example.org',
      repository: 'acme/shop',
      tag: '1.0.0',
      digest: DIGEST,
    };
    const fired = await api.call('post', `/api/triggers/${triggerId}/fire`, { event });
    expect(fired.status, JSON.stringify(fired.body)).toBe(202);
    expect(fired.body).toEqual({ deliveryId: expect.any(String), status: 'accepted' });
    const delivery = (await api.call('get', `/api/deliveries/${fired.body.deliveryId}`).expect(200)).body;
    expect(delivery).toMatchObject({
      triggerId,
      origin: 'manual',
      vendor: 'manual',
      events: [event],
      status: 'accepted',
      outcomes: { deployed: 0, skipped: 0, noMatch: 0, errored: 0, pending: 1 },
      verdicts: [],
    });
    const body = (await api.call('get', `/api/deliveries/${fired.body.deliveryId}/body`).expect(200)).body;
    expect(JSON.parse(body.body)).toEqual(event);
    expect((await api.call('get', `/api/triggers/${triggerId}`)).body.webhook.lastDeliveryAt).toBe(delivery.receivedAt);
  });

  test('without a body is a manual event; without a binding it says so', async () => {
    const { id } = await api.trigger({ kind: 'manual' });
    const { body } = await api.call('post', `/api/triggers/${id}/fire`).expect(202);
    expect(body.status).toBe('no-binding');
    expect((await api.call('get', `/api/deliveries?triggerId=${id}`)).body.items).toMatchObject([
      { id: body.deliveryId, status: 'no-binding', events: [{ kind: 'manual' }] },
    ]);
  });

  test.each<[string, object, string[]]>([
    ['no kind', { tag: 'x' }, ['/event/kind']],
    ['a kind that it does not take', { kind: 'schedule', scheduledFor: '2026-01-01T00:00:00Z' }, ['/event/kind']],
    ['no repository', { kind: 'image-push', tag: '1' }, ['/event/repository']],
    ['an unknown field', { kind: 'image-push', repository: 'a', extra: 1 }, ['/event/extra']],
    ['a bad digest', { kind: 'image-push', repository: 'a', digest: 'x' }, ['/event/digest']],
    ['a wish that is none', { kind: 'manual', wish: { image: { tag: 1 } } }, ['/event/wish/image/tag']],
    ['a kind of the prototype', { kind: 'constructor' }, ['/event/kind']],
  ])('refuses an event with %s', async (_what, event, pointers) => {
    const { id } = await api.trigger();
    expectProblem(await api.call('post', `/api/triggers/${id}/fire`, { event }), 400, 'invalid-event', pointers);
  });
});
