import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { expectProblem, startTestApi, type Api } from './fixture.js';

let api: Api;
beforeAll(async () => (api = await startTestApi()));
afterAll(() => api.stop());

const IMAGE = { image: 'registry.example.org/acme/shop', port: 8080 };
const NOWHERE = '01980000-0000-7000-8000-000000000000';

describe('POST /api/workloads', () => {
  test('makes a workload with what was left out filled in', async () => {
    const answer = await api.call('post', '/api/workloads', {
      name: 'shop',
      title: 'The shop',
      stage: 'production',
      sourceKind: 'image',
      sourceConfig: IMAGE,
      faces: [{ host: 'Shop.Example.org' }],
      env: { MODE: { value: 'production' }, KEY: { value: 'hunter2', secret: true } },
      policy: { drift: 'alert' },
    });
    expect(answer.status, JSON.stringify(answer.body)).toBe(201);
    expect(answer.body).toMatchObject({
      name: 'shop',
      title: 'The shop',
      stage: 'production',
      sourceKind: 'image',
      sourceConfig: IMAGE,
      faces: [{ host: 'shop.example.org', path: '/', port: null, url: 'http://shop.example.org:8780/' }],
      node: 'default',
      policy: { drift: 'alert', watchWindow: null, onNewer: 'queue', undecryptableEnv: 'fail' },
      runState: 'running',
      state: 'never-deployed',
      hold: null,
      parentId: null,
      currentDeploymentId: null,
      pendingDeploymentId: null,
      currentArtifact: null,
    });
    expect(answer.headers['etag']).toBe(`"${answer.body.version}"`);
    expect(answer.body).not.toHaveProperty('env');
    expect(JSON.stringify(answer.body)).not.toContain('hunter2');
  });

  const bad: [what: string, body: object, code: string, pointers: string[]][] = [
    ['an unknown source', { sourceKind: 'vm' }, 'unknown-source', ['/sourceKind']],
    ['a name that is no DNS label', { name: 'My Shop' }, 'invalid-name', ['/name']],
    ['no name', { name: undefined }, 'invalid-body', ['/name']],
    ['an unknown field', { role: 'admin' }, 'unknown-field', ['/role']],
    [
      'every bad field of a config',
      { sourceConfig: { image: 'a b', port: 0, x: 1 } },
      'invalid-config',
      ['/sourceConfig/x', '/sourceConfig/image', '/sourceConfig/port'],
    ],
    [
      'a bad field inside a config',
      { sourceConfig: { ...IMAGE, healthcheck: { intervalSeconds: 0 } } },
      'invalid-config',
      ['/sourceConfig/healthcheck/intervalSeconds'],
    ],
    [
      'a network of Docker’s own',
      { sourceConfig: { ...IMAGE, network: 'host' } },
      'invalid-config',
      ['/sourceConfig/network'],
    ],
    [
      'the namespace of another container',
      { sourceConfig: { ...IMAGE, network: 'container:db' } },
      'invalid-config',
      ['/sourceConfig/network'],
    ],
    [
      'a face without a port',
      { sourceConfig: { image: IMAGE.image }, faces: [{ host: 'a.example.org' }] },
      'invalid-config',
      ['/sourceConfig/port'],
    ],
    ['a host that is none', { faces: [{ host: 'a`) || PathPrefix(`/' }] }, 'invalid-face', ['/faces/0/host']],
    ['a subdomain without a domain', { faces: [{ subdomain: 'shop' }] }, 'no-domain', ['/faces/0/subdomain']],
    ['a face with neither', { faces: [{ path: '/' }] }, 'invalid-face', ['/faces/0']],
    ['a parent that is not there', { parentId: NOWHERE }, 'unknown-parent', ['/parentId']],
    ['an unknown node', { node: 'elsewhere' }, 'unknown-node', ['/node']],
    ['a variable with a bad name', { env: { 'A B': { value: 'x' } } }, 'invalid-env', ['/env/A B']],
    [
      'a secret that there is none to keep of',
      { env: { KEY: { value: { $secret: 'set' }, secret: true } } },
      'invalid-env',
      ['/env/KEY/value'],
    ],
    ['a config that is a list', { sourceConfig: [] }, 'invalid-body', ['/sourceConfig']],
    ['a title that is an object', { title: { $gt: 0 } }, 'invalid-body', ['/title']],
    ['a policy that there is none of', { policy: { drift: 'maybe' } }, 'invalid-body', ['/policy/drift']],
    ['null where there is no nothing', { faces: null }, 'invalid-body', ['/faces']],
  ];
  test.each(bad)('refuses %s', async (_what, more, code, pointers) => {
    const answer = await api.call('post', '/api/workloads', {
      name: 'other',
      sourceKind: 'image',
      sourceConfig: IMAGE,
      ...more,
    });
    expectProblem(answer, 400, code, pointers);
    const { body } = await api.call('get', '/api/workloads?q=other');
    expect(body.items).toEqual([]);
  });

  test('refuses a name that is taken', async () => {
    await api.workload({ name: 'taken' });
    expectProblem(
      await api.call('post', '/api/workloads', { name: 'taken', sourceKind: 'image', sourceConfig: IMAGE }),
      409,
      'name-taken',
    );
  });

  test('refuses a taken host and names its owner', async () => {
    await api.workload({ name: 'owner', faces: [{ host: 'owned.example.org' }] });
    const answer = await api.call('post', '/api/workloads', {
      name: 'thief',
      sourceKind: 'image',
      sourceConfig: IMAGE,
      faces: [{ host: 'free.example.org' }, { host: 'OWNED.example.org' }],
    });
    expectProblem(answer, 409, 'host-taken', ['/faces/1']);
    expect(answer.body.detail).toContain('owner');
  });
});

describe('bodies', () => {
  const send = (body: string, type = 'application/json') =>
    api.call('post', '/api/workloads', body, { headers: { 'content-type': type } });

  test('that are too deep, broken, unsafe or of another type are refused', async () => {
    expectProblem(await send(`{"sourceConfig":${'['.repeat(100_000)}${']'.repeat(100_000)}}`), 400, 'too-deep');
    expectProblem(await send('{"name":'), 400, 'malformed-json');
    expectProblem(await send('{"__proto__":{"x":1}}'), 400, 'unknown-field');
    expectProblem(await send('{"name":"a\\u0000"}'), 400, 'invalid-text');
    expectProblem(await send('{"name":"\\ud800"}'), 400, 'invalid-text');
    expectProblem(await send('[]'), 400, 'invalid-body');
    expectProblem(await send('name=shop', 'application/x-www-form-urlencoded'), 415, 'unsupported-media-type');
    expectProblem(await send('{"name":"shop"}', 'text/plain'), 415, 'unsupported-media-type');
    expectProblem(await send(JSON.stringify({ title: 'x'.repeat(1_100_000) })), 413, 'too-large');
    expect({}).not.toHaveProperty('x');
  });
});

describe('GET /api/workloads', () => {
  test('pages from the newest to the oldest without gap or double', async () => {
    const made = [];
    for (let index = 0; index < 5; index++) made.unshift((await api.workload({ title: 'paged' }))['id']);
    const seen: string[] = [];
    let cursor = '';
    do {
      const { body } = await api
        .call('get', `/api/workloads?q=paged&limit=2${cursor && `&cursor=${cursor}`}`)
        .expect(200);
      expect(body.items.length).toBeLessThanOrEqual(2);
      seen.push(...body.items.map(({ id }: { id: string }) => id));
      cursor = body.nextCursor ?? '';
    } while (cursor !== '');
    expect(seen).toEqual(made);
  });

  test('filters, and takes % as a character', async () => {
    const parent = await api.workload({ title: '100% wool' });
    const child = await api.workload({ parentId: parent['id'] });
    const ids = async (query: string) =>
      (await api.call('get', `/api/workloads?${query}`).expect(200)).body.items.map(({ id }: { id: string }) => id);
    expect(await ids('q=100%25')).toEqual([parent['id']]);
    expect(await ids(`parentId=${parent['id']}`)).toEqual([child['id']]);
    expect(await ids('q=%25%25')).toEqual([]);
    expect(await ids('state=running')).toEqual([]);
    expect(await ids('sourceKind=compose')).toEqual([]);
  });

  test('refuses a bad query', async () => {
    expectProblem(await api.call('get', '/api/workloads?limit=201'), 400, 'invalid-query', ['/limit']);
    expectProblem(await api.call('get', '/api/workloads?limit=x'), 400, 'invalid-query', ['/limit']);
    expectProblem(await api.call('get', '/api/workloads?cursor=abc'), 400, 'invalid-cursor', ['/cursor']);
    expectProblem(await api.call('get', '/api/workloads?state=happy'), 400, 'invalid-query', ['/state']);
    expectProblem(await api.call('get', '/api/workloads?role=admin'), 400, 'unknown-field', ['/role']);
    expectProblem(await api.call('get', '/api/workloads?q=a&q=b'), 400, 'invalid-query', ['/q']);
  });
});

describe('GET /api/workloads/{id}', () => {
  test('answers as it was at a version and at an instant', async () => {
    const { id, version } = await api.workload({ title: 'first', env: { A: { value: '1' } } });
    const changed = (await api.call('patch', `/api/workloads/${id}`, { title: 'second' }).expect(200)).body;
    expect((await api.call('get', `/api/workloads/${id}?version=${version}`)).body).toMatchObject({
      title: 'first',
      version,
    });
    const now = encodeURIComponent(new Date(Date.now() + 60_000).toISOString());
    expect((await api.call('get', `/api/workloads/${id}?at=${now}`)).body).toMatchObject({
      title: 'second',
      version: changed.version,
    });
    expectProblem(await api.call('get', `/api/workloads/${id}?at=2020-01-01T00:00:00Z`), 404, 'not-found');
    expectProblem(await api.call('get', `/api/workloads/${id}?version=0`), 400, 'invalid-query', ['/version']);
    const diff = (await api.call('get', `/api/workloads/${id}/diff?from=${version}&to=${changed.version}`).expect(200))
      .body;
    expect(diff.changes).toEqual([{ field: 'title', from: 'first', to: 'second' }]);
    const history = (await api.call('get', `/api/workloads/${id}/history?limit=1`).expect(200)).body;
    expect(history.items).toMatchObject([
      { type: 'WorkloadChanged', data: { title: 'second' }, actor: 'system:admin-token' },
    ]);
    const older = (await api.call('get', `/api/workloads/${id}/history?cursor=${history.nextCursor}`).expect(200)).body;
    expect(older.items.map(({ type }: { type: string }) => type)).toEqual(['EnvSet', 'WorkloadCreated']);
  });

  test('knows nothing of others', async () => {
    expectProblem(await api.call('get', `/api/workloads/${NOWHERE}`), 404, 'not-found');
    expectProblem(await api.call('get', '/api/workloads/shop'), 404, 'not-found');
    for (const below of [
      'containers',
      'chain',
      'deployments',
      'releases',
      'history',
      'plan',
      'env',
      'triggers',
      'diff?from=0&to=1',
    ]) {
      expectProblem(await api.call('get', `/api/workloads/${NOWHERE}/${below}`), 404, 'not-found');
    }
  });

  test('shows the chain, and nothing of what was never deployed', async () => {
    const parent = await api.workload();
    const self = await api.workload({ parentId: parent['id'] });
    const child = await api.workload({ parentId: self['id'] });
    const chain = (await api.call('get', `/api/workloads/${self['id']}/chain`).expect(200)).body;
    expect(chain).toMatchObject({
      parent: { id: parent['id'] },
      self: { id: self['id'] },
      children: [{ id: child['id'], name: child['name'] }],
    });
    for (const below of ['containers', 'deployments', 'releases']) {
      expect((await api.call('get', `/api/workloads/${self['id']}/${below}`).expect(200)).body).toEqual({
        items: [],
        nextCursor: null,
      });
    }
    expectProblem(
      await api.call('patch', `/api/workloads/${parent['id']}`, { parentId: child['id'] }),
      409,
      'parent-cycle',
    );
  });
});

describe('PATCH /api/workloads/{id}', () => {
  test('changes what is named and nothing else', async () => {
    const { id } = await api.workload({ title: 'kept', policy: { onNewer: 'cancel' } });
    const { body } = await api
      .call('patch', `/api/workloads/${id}`, { stage: 'dev', policy: { drift: 'ignore' } })
      .expect(200);
    expect(body).toMatchObject({ title: 'kept', stage: 'dev', policy: { drift: 'ignore', onNewer: 'cancel' } });
    const cleared = await api.call('patch', `/api/workloads/${id}`, { title: null }).expect(200);
    expect(cleared.body).toMatchObject({ title: null, stage: 'dev' });
  });

  test('keeps to the version in If-Match', async () => {
    const { id, version } = await api.workload();
    const changed = await api.call(
      'patch',
      `/api/workloads/${id}`,
      { title: 'a' },
      { headers: { 'if-match': `"${version}"` } },
    );
    expect(changed.status).toBe(200);
    expect(changed.headers['etag']).toBe(`"${version + 1}"`);
    const late = await api.call(
      'patch',
      `/api/workloads/${id}`,
      { title: 'b' },
      { headers: { 'if-match': `"${version}"` } },
    );
    expectProblem(late, 412, 'precondition-failed');
    expectProblem(
      await api.call('patch', `/api/workloads/${id}`, { title: 'b' }, { headers: { 'if-match': 'abc' } }),
      400,
      'invalid-if-match',
    );
    expect((await api.call('get', `/api/workloads/${id}`)).body.title).toBe('a');
  });

  test('refuses what is fixed, and what is not valid', async () => {
    const { id } = await api.workload({ faces: [{ host: 'patched.example.org' }] });
    expectProblem(await api.call('patch', `/api/workloads/${id}`, { name: 'new' }), 400, 'unknown-field', ['/name']);
    expectProblem(await api.call('patch', `/api/workloads/${id}`, { sourceKind: 'static' }), 400, 'unknown-field', [
      '/sourceKind',
    ]);
    expectProblem(
      await api.call('patch', `/api/workloads/${id}`, { sourceConfig: { image: 'x' } }),
      400,
      'invalid-config',
      ['/sourceConfig/port'],
    );
    expectProblem(await api.call('patch', `/api/workloads/${id}`, { sourceConfig: null }), 400, 'invalid-body', [
      '/sourceConfig',
    ]);
    expectProblem(await api.call('patch', `/api/workloads/${NOWHERE}`, { title: 'x' }), 404, 'not-found');
  });
});

describe('DELETE /api/workloads/{id}', () => {
  test('starts the teardown and removes the bindings', async () => {
    const { id } = await api.workload();
    await api.call('post', `/api/workloads/${id}/triggers`, { kind: 'manual', name: 'by hand' }).expect(201);
    const gone = await api.call('delete', `/api/workloads/${id}`).expect(202);
    expect(gone.body.state).toBe('deleting');
    expect((await api.call('get', `/api/workloads/${id}/triggers`).expect(200)).body.items).toEqual([]);
    expectProblem(await api.call('patch', `/api/workloads/${id}`, { title: 'x' }), 409, 'workload-deleting');
    expectProblem(await api.call('post', `/api/workloads/${id}/deploy`, {}), 409, 'workload-deleting');
  });

  test('is refused while there are children, with their names', async () => {
    const { id } = await api.workload();
    const child = await api.workload({ parentId: id });
    const answer = await api.call('delete', `/api/workloads/${id}`);
    expectProblem(answer, 409, 'workload-has-children');
    expect(answer.body.detail).toContain(child['name']);
  });
});

describe('env and hold', () => {
  test('variables are set one by one or all at once; secrets never come back', async () => {
    const { id } = await api.workload({ env: { A: { value: '1' }, KEY: { value: 'hunter2', secret: true } } });
    const read = async () => (await api.call('get', `/api/workloads/${id}/env`).expect(200)).body.env;
    expect(await read()).toEqual({
      A: { value: '1', secret: false, optional: false },
      KEY: { value: { $secret: 'set' }, secret: true, optional: false },
    });
    await api.call('put', `/api/workloads/${id}/env/B`, { value: '2', optional: true }).expect(200);
    await api.call('delete', `/api/workloads/${id}/env/A`).expect(200);
    expect(Object.keys(await read())).toEqual(['B', 'KEY']);
    // Sent back masked: kept.
    await api.call('put', `/api/workloads/${id}/env`, { KEY: { value: { $secret: 'set' }, secret: true } }).expect(200);
    expect(await read()).toEqual({ KEY: { value: { $secret: 'set' }, secret: true, optional: false } });
    const { rows } = await api.opened.store.pool.query('select env from view.workload where id = $1', [id]);
    expect(await api.opened.secrets.open(rows[0].env.KEY.secret)).toBe('hunter2');
    expectProblem(await api.call('delete', `/api/workloads/${id}/env/A`), 404, 'not-found');
    expectProblem(await api.call('put', `/api/workloads/${id}/env/A-B`, { value: 'x' }), 400, 'invalid-env', [
      '/env/A-B',
    ]);
    expectProblem(await api.call('put', `/api/workloads/${id}/env`, []), 400, 'invalid-body');
  });

  test('a hold has a reason, and is let go by hand', async () => {
    const { id } = await api.workload();
    const held = await api.call('post', `/api/workloads/${id}/hold`, { reason: 'release freeze' }).expect(200);
    expect(held.body.hold).toMatchObject({ reason: 'release freeze' });
    expect((await api.call('delete', `/api/workloads/${id}/hold`).expect(200)).body.hold).toBeNull();
  });
});
