import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { expectProblem, startTestApi, type Answer, type Api } from './fixture.js';

let api: Api;
beforeAll(async () => {
  api = await startTestApi();
  const settings = { volumeBase: '/srv/volumes', allowedVolumePaths: ['/srv/media'] };
  await api.call('patch', '/api/settings', settings).expect(200);
});
afterAll(() => api.stop());

const DATA = { scope: 'project', source: 'data', target: '/data', readOnly: false };

describe('volumes', () => {
  test('are set whole, and say where they are', async () => {
    const { id, name } = await api.workload();
    const before = await api.call('get', `/api/workloads/${id}/volumes`).expect(200);
    expect(before.body).toMatchObject({ items: [], nextCursor: null });
    const volumes = [
      { scope: 'project', source: 'data', target: '/data/' },
      { scope: 'ephemeral', target: '/tmp', readOnly: false },
      { scope: 'absolute', source: '/srv/media/films', target: '/films', readOnly: true },
      { scope: 'project_named', source: 'db', target: '/db' },
      { scope: 'instance', source: 'cache', target: '/cache' },
    ];
    const answer = await api.call('put', `/api/workloads/${id}/volumes`, volumes).expect(200);
    const short = (id as string).slice(-8);
    expect(answer.body.items).toEqual([
      { ...DATA, resolved: `/srv/volumes/${name}-${short}/data` },
      { scope: 'ephemeral', source: '', target: '/tmp', readOnly: false, resolved: null },
      { ...volumes[2], resolved: '/srv/media/films' },
      { scope: 'project_named', source: 'db', target: '/db', readOnly: false, resolved: `tf-${short}-db` },
      { scope: 'instance', source: 'cache', target: '/cache', readOnly: false, resolved: null },
    ]);
    expect(answer.headers['etag']).toBe(`"${answer.body.version}"`);
    const again = await api.call('put', `/api/workloads/${id}/volumes`, volumes).expect(200);
    expect(again.body.version).toBe(answer.body.version);
    const stale = { headers: { 'if-match': `"${before.body.version}"` } };
    expectProblem(await api.call('put', `/api/workloads/${id}/volumes`, [], stale), 412, 'precondition-failed');
    const { body } = await api.call('get', `/api/events?stream=workload-${id}`).expect(200);
    expect(body.items.map((event: Answer) => event['type'])).toEqual(['WorkloadCreated', 'VolumesSet']);
  });

  test('may come with the workload', async () => {
    const { id } = await api.workload({ volumes: [DATA] });
    expect((await api.call('get', `/api/workloads/${id}/volumes`).expect(200)).body.items).toMatchObject([DATA]);
  });

  const bad: [string, unknown, string, string[]][] = [
    ['an object', { scope: 'project' }, 'invalid-body', ['']],
    ['an item that is none', ['data'], 'invalid-volume', ['/volumes/0']],
    ['an unknown field', [{ ...DATA, driver: 'nfs' }], 'invalid-volume', ['/volumes/0/driver']],
    ['an unknown scope', [{ ...DATA, scope: 'host' }], 'invalid-volume', ['/volumes/0/scope']],
    ['no target', [{ scope: 'project', source: 'data' }], 'invalid-volume', ['/volumes/0/target', '/volumes/0/target']],
    ['a text for a boolean', [{ ...DATA, readOnly: 'yes' }], 'invalid-volume', ['/volumes/0/readOnly']],
    ['a way out', [DATA, { ...DATA, source: '../x', target: '/x' }], 'invalid-volume', ['/volumes/1/source']],
    ['one target twice', [DATA, { ...DATA, source: 'b' }], 'invalid-volume', ['/volumes/1/target']],
    ['the root', [{ ...DATA, target: '/' }], 'invalid-volume', ['/volumes/0/target']],
    [
      'a path that nobody allows',
      [{ ...DATA, scope: 'absolute', source: '/etc' }],
      'invalid-volume',
      ['/volumes/0/source'],
    ],
    [
      "the engine's socket",
      [{ ...DATA, scope: 'absolute', source: '/var/run/docker.sock' }],
      'invalid-volume',
      ['/volumes/0/source'],
    ],
  ];
  test.each(bad)('refuse %s', async (_what, volumes, code, pointers) => {
    const { id, version } = await api.workload();
    expectProblem(await api.call('put', `/api/workloads/${id}/volumes`, volumes as object), 400, code, pointers);
    const { body } = await api.call('get', `/api/workloads/${id}/volumes`).expect(200);
    expect(body).toMatchObject({ items: [], version });
  });

  test('that are bad make no workload', async () => {
    const workload = {
      name: 'not-made',
      sourceKind: 'image',
      sourceConfig: { image: 'ghcr.io/acme/shop' },
      volumes: [{ ...DATA, scope: 'absolute', source: '/etc' }],
    };
    expectProblem(await api.call('post', '/api/workloads', workload), 400, 'invalid-volume', ['/volumes/0/source']);
    expect((await api.call('get', '/api/workloads?q=not-made').expect(200)).body.items).toEqual([]);
  });

  test('are for editors to change and viewers to see', async () => {
    const { id } = await api.workload();
    const [viewer, deployer] = await Promise.all([api.token('viewer', [id]), api.token('deployer', [id])]);
    await api.call('get', `/api/workloads/${id}/volumes`, undefined, { token: viewer }).expect(200);
    const refused = await api.call('put', `/api/workloads/${id}/volumes`, [DATA], { token: deployer });
    expect(refused.status).toBe(403);
    const other = await api.token('admin', [(await api.workload()).id]);
    await api.call('get', `/api/workloads/${id}/volumes`, undefined, { token: other }).expect(404);
  });

  test('that name a base need one', async () => {
    await api.call('patch', '/api/settings', { volumeBase: null }).expect(200);
    const { id } = await api.workload();
    const answer = await api.call('put', `/api/workloads/${id}/volumes`, [DATA]);
    expectProblem(answer, 400, 'invalid-volume', ['/volumes/0/source']);
  });
});
