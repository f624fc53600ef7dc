import bcrypt from 'bcryptjs';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Face } from '#domain/face';
import { selfSigned } from '../../support/certificate.js';
import { expectProblem, startTestApi, type Answer, type Api } from './fixture.js';

let api: Api;
beforeAll(async () => (api = await startTestApi()));
afterAll(() => api.stop());

const IMAGE = { image: 'registry.example.org/acme/shop', port: 8080 };
const PLAIN = { subdomain: null, path: '/', port: null, exposure: 'public', allow: null, basicAuth: null, tls: 'off' };
const whole = (face: object) => ({ ...PLAIN, certificate: null, seenCertificate: null, ...face });
let made = 0;
const create = (...faces: readonly unknown[]) =>
  api.call('post', '/api/workloads', { name: `face-${++made}`, sourceKind: 'image', sourceConfig: IMAGE, faces });
const patch = (id: string, body: object) => api.call('patch', `/api/workloads/${id}`, body);
const storedFaces = async (id: string): Promise<readonly Face[]> =>
  (await api.opened.store.pool.query<{ faces: Face[] }>('select faces from view.workload where id = $1', [id])).rows[0]!
    .faces;

describe('a face', () => {
  test('reads with its defaults, and sent back is no change', async () => {
    const { body } = await create({ host: 'Plain.example.org' }).expect(201);
    expect(body.faces).toEqual([whole({ host: 'plain.example.org', url: 'http://plain.example.org:8780/' })]);
    const again = await patch(body.id, { faces: body.faces }).expect(200);
    expect(again.body).toMatchObject({ version: body.version, faces: body.faces });
  });

  test('says by its address where it answers', async () => {
    const { body } = await create(
      { host: 'tls.example.org', path: '/a', tls: 'auto' },
      { host: 'plain.example.com', path: '/b' },
    ).expect(201);
    expect(body.faces.map(({ url }: Answer) => url)).toEqual([
      'https://tls.example.org:8743/a',
      'http://plain.example.com:8780/b',
    ]);
  });

  test('of another alphabet is kept as a browser sends it', async () => {
    const { body } = await create({ host: 'Bücher.example' }).expect(201);
    expect(body.faces[0].host).toBe('xn--bcher-kva.example');
    expectProblem(await create({ host: 'xn--bcher-kva.example' }), 409, 'host-taken', ['/faces/0']);
  });

  const bad: [what: string, face: unknown, code: string, pointer: string][] = [
    ['a port in its host', { host: 'a.org:80' }, 'invalid-face', '/faces/0/host'],
    ['a trailing dot', { host: 'a.org.' }, 'invalid-face', '/faces/0/host'],
    ['a wildcard', { host: '*.a.org' }, 'invalid-face', '/faces/0/host'],
    ['a placeholder as host', { host: '{env.HOME}' }, 'invalid-face', '/faces/0/host'],
    ['a rule as host', { host: 'a`) || PathPrefix(`/' }, 'invalid-face', '/faces/0/host'],
    ['a line break', { host: 'a.org\nb' }, 'invalid-face', '/faces/0/host'],
    ['a placeholder as path', { host: 'a.org', path: '/{http.request.uri}' }, 'invalid-face', '/faces/0/path'],
    ['a percent sign', { host: 'a.org', path: '/%2e%2e' }, 'invalid-face', '/faces/0/path'],
    ['two places', { host: 'a.org', subdomain: 'b' }, 'no-domain', '/faces/0/subdomain'],
    ['no place', { path: '/' }, 'invalid-face', '/faces/0'],
    ['an unknown exposure', { host: 'a.org', exposure: 'secret' }, 'invalid-body', '/faces/0/exposure'],
    [
      'ranges that are text',
      { host: 'a.org', exposure: 'internal', allow: '10.0.0.0/8' },
      'invalid-body',
      '/faces/0/allow',
    ],
    [
      'a range that is none',
      { host: 'a.org', exposure: 'internal', allow: ['10.0.0.0/33'] },
      'invalid-face',
      '/faces/0/allow/0',
    ],
    ['ranges of a public face', { host: 'a.org', allow: ['10.0.0.0/8'] }, 'invalid-face', '/faces/0/allow'],
    [
      'a login without user',
      { host: 'a.org', basicAuth: { password: 'x' } },
      'invalid-body',
      '/faces/0/basicAuth/user',
    ],
    [
      'a login without password',
      { host: 'a.org', basicAuth: { user: 'ann' } },
      'invalid-face',
      '/faces/0/basicAuth/password',
    ],
    [
      'a masked password that there is none of',
      { host: 'a.org', basicAuth: { user: 'ann', password: { $secret: 'set' } } },
      'invalid-face',
      '/faces/0/basicAuth/password',
    ],
    [
      'a password that is an object',
      { host: 'a.org', basicAuth: { user: 'ann', password: { $gt: '' } } },
      'invalid-body',
      '/faces/0/basicAuth/password',
    ],
    [
      'a user that is a placeholder',
      { host: 'a.org', basicAuth: { user: '{env.X}', password: 'x' } },
      'invalid-face',
      '/faces/0/basicAuth/user',
    ],
    [
      'a password beyond what bcrypt reads',
      { host: 'a.org', basicAuth: { user: 'ann', password: 'ä'.repeat(40) } },
      'invalid-face',
      '/faces/0/basicAuth/password',
    ],
    [
      'an unknown field in a login',
      { host: 'a.org', basicAuth: { user: 'ann', password: 'x', realm: 'y' } },
      'unknown-field',
      '/faces/0/basicAuth/realm',
    ],
    ['an unknown tls', { host: 'a.org', tls: 'always' }, 'invalid-body', '/faces/0/tls'],
    ['custom without certificate', { host: 'a.org', tls: 'custom' }, 'invalid-face', '/faces/0/certificate'],
    [
      'a certificate that is none',
      { host: 'a.org', tls: 'custom', certificate: { chain: 'x', key: 'y' } },
      'invalid-face',
      '/faces/0/certificate/chain',
    ],
    ['null', null, 'invalid-body', '/faces/0'],
  ];
  test.each(bad)('with %s is refused', async (_what, face, code, pointer) => {
    const answer = await create(face);
    expectProblem(answer, 400, code);
    expect(answer.body.errors.map((error: Answer) => error['pointer'])).toContain(pointer);
  });

  test('never makes the API fail, whatever stands in it', async () => {
    const text = fc.oneof(
      fc.string({ unit: 'binary', maxLength: 20 }),
      fc.constantFrom('{env.HOME}', '`', 'a.org', '10.0.0.0/8'),
    );
    const face = fc.record(
      {
        host: text,
        path: text,
        exposure: fc.constantFrom('public', 'internal'),
        allow: fc.array(text, { maxLength: 2 }),
        basicAuth: fc.record({ user: text }),
      },
      { requiredKeys: ['host'] },
    );
    await fc.assert(
      fc.asyncProperty(face, async (any) => {
        const { status, body } = await create(any);
        expect([201, 400, 409], JSON.stringify(body)).toContain(status);
        if (status === 201) await api.call('delete', `/api/workloads/${body.id}`).expect(202);
      }),
      { numRuns: 100 },
    );
  });
});

describe('a host and path', () => {
  test('has one owner, however many ask at once', async () => {
    const spellings = ['race.example.org', 'RACE.example.org', 'Race.Example.Org'];
    const answers = await Promise.all(
      Array.from({ length: 9 }, (_, index) => create({ host: spellings[index % 3], path: index % 2 ? '/x' : '/x/' })),
    );
    expect(answers.map(({ status }) => status).sort()).toEqual([201, ...Array<number>(8).fill(409)]);
    for (const answer of answers.filter(({ status }) => status === 409)) {
      expectProblem(answer, 409, 'host-taken', ['/faces/0']);
      expect(answer.body.detail).toMatch(/race\.example\.org\/x is served by workload face-\d+/);
    }
  });

  test('is another one below, and in another case', async () => {
    await create({ host: 'paths.example.org' }, { host: 'paths.example.org', path: '/api' }).expect(201);
    await create({ host: 'paths.example.org', path: '/API' }).expect(201);
    await create({ host: 'paths.example.org', path: '/api/v2' }).expect(201);
    expectProblem(await create({ host: 'paths.example.org', path: '/api/' }), 409, 'host-taken', ['/faces/0']);
  });
});

describe('a password', () => {
  test('is kept as a hash under seal, and is nowhere to be read', async () => {
    const { body } = await create({ host: 'door.example.org', basicAuth: { user: 'ann', password: 'hunter2' } }).expect(
      201,
    );
    expect(body.faces[0].basicAuth).toEqual({ user: 'ann', password: { $secret: 'set' } });
    const [face] = await storedFaces(body.id);
    const hash = await api.opened.secrets.open(face!.basicAuth!.password);
    expect(await bcrypt.compare('hunter2', hash)).toBe(true);
    const read = async (path: string) => (await api.call('get', path).expect(200)).text;
    const paths = ['', '?version=2', '/history', `/diff?from=0&to=2`].map((more) => `/api/workloads/${body.id}${more}`);
    const all = (await Promise.all([...paths, '/api/events?limit=200', '/api/workloads'].map(read))).join();
    expect(all).not.toContain('hunter2');
    expect(all).not.toContain(hash);
    const { rows } = await api.opened.store.pool.query<{ body: string }>(`select body from log.event`);
    expect(rows.map((row) => row.body).join()).not.toMatch(/hunter2|\$2[aby]\$/);
  });

  test('is kept when it is sent back masked, left out or as it is; another one is another version', async () => {
    const { body } = await create({ host: 'keep.example.org', basicAuth: { user: 'ann', password: 'one' } }).expect(
      201,
    );
    const face = body.faces[0];
    for (const password of [{ $secret: 'set' }, undefined, 'one']) {
      const answer = await patch(body.id, { faces: [{ ...face, basicAuth: { user: 'ann', password } }] }).expect(200);
      expect(answer.body.version).toBe(body.version);
    }
    const renamed = await patch(body.id, { faces: [{ ...face, basicAuth: { user: 'bob' } }] }).expect(200);
    expect(renamed.body.faces[0].basicAuth).toEqual({ user: 'bob', password: { $secret: 'set' } });
    expect((await storedFaces(body.id))[0]!.basicAuth!.password.version).toBe(1);
    await patch(body.id, { faces: [{ ...face, basicAuth: { user: 'bob', password: 'two' } }] }).expect(200);
    expect((await storedFaces(body.id))[0]!.basicAuth!.password.version).toBe(2);
    const gone = await patch(body.id, { faces: [{ ...face, basicAuth: null }] }).expect(200);
    expect(gone.body.faces[0].basicAuth).toBeNull();
  });
});

describe('a certificate', () => {
  const custom = (host: string, certificate: object) => ({ host, tls: 'custom', certificate });

  test('is checked against its host, its key and the clock; the key never comes back', async () => {
    const own = selfSigned('own.example.org');
    const other = selfSigned('own.example.org');
    const { body } = await create(custom('own.example.org', { ...own, chain: `text {env.HOME}\n${own.chain}` })).expect(
      201,
    );
    expect(body.faces[0].certificate.key).toEqual({ $secret: 'set' });
    expect(body.faces[0].certificate.chain).not.toContain('{');
    expect(JSON.stringify(body)).not.toContain('PRIVATE');
    const back = await patch(body.id, { faces: body.faces }).expect(200);
    expect(back.body.version).toBe(body.version);
    const mixed = custom('own.example.org', { chain: own.chain, key: other.key });
    expectProblem(await patch(body.id, { faces: [mixed] }), 400, 'invalid-face', ['/faces/0/certificate/key']);
    const kept = custom('own.example.org', { chain: other.chain, key: { $secret: 'set' } });
    expectProblem(await patch(body.id, { faces: [kept] }), 400, 'invalid-face', ['/faces/0/certificate/key']);
    expectProblem(await create(custom('else.example.org', own)), 400, 'invalid-face', ['/faces/0/certificate/chain']);
    expectProblem(await create(custom('none.example.org', { chain: own.chain })), 400, 'invalid-face', [
      '/faces/0/certificate/key',
    ]);
  });
});

describe('a subdomain', () => {
  const setDomain = (domain: string | null) => api.call('patch', '/api/settings', { domain });

  test('is completed by the domain, follows it, and holds on to it', async () => {
    await setDomain('apps.example.org').expect(200);
    const { body } = await create({ subdomain: 'Blog', path: '/x/' }, { host: 'fixed.example.com' }).expect(201);
    expect(body.faces[0]).toMatchObject({ host: 'blog.apps.example.org', subdomain: 'blog', path: '/x' });
    expect((await patch(body.id, { faces: body.faces }).expect(200)).body.version).toBe(body.version);
    expectProblem(await create({ subdomain: 'blog', host: 'a.org' }), 400, 'invalid-face', ['/faces/0']);
    await setDomain('new.example.org').expect(200);
    const moved = (await api.call('get', `/api/workloads/${body.id}`).expect(200)).body;
    expect(moved.faces.map(({ host }: Answer) => host)).toEqual(['blog.new.example.org', 'fixed.example.com']);
    const answer = await setDomain(null);
    expectProblem(answer, 409, 'domain-in-use', ['/domain']);
    expect(answer.body.detail).toContain(body.name);
    await create({ host: 'blog.third.example.org', path: '/x' }).expect(201);
    expectProblem(await setDomain('third.example.org'), 409, 'host-taken');
    expect((await api.call('get', '/api/settings')).body.domain).toBe('new.example.org');
    await patch(body.id, { faces: [] }).expect(200);
    await setDomain(null).expect(200);
    expectProblem(await create({ subdomain: 'blog' }), 400, 'no-domain', ['/faces/0/subdomain']);
  });

  test('that is made while the domain changes is on one of its sides', async () => {
    await setDomain('one.example.net').expect(200);
    const labels = Array.from({ length: 8 }, (_, index) => `w${index}`);
    const [, ...answers] = await Promise.all([
      setDomain('two.example.net'),
      ...labels.map((subdomain) => create({ subdomain })),
    ]);
    const { domain } = (await api.call('get', '/api/settings')).body;
    for (const { status, body } of answers) {
      expect([201, 409], JSON.stringify(body)).toContain(status);
      if (status !== 201) continue;
      const now = (await api.call('get', `/api/workloads/${body.id}`)).body;
      expect(now.faces[0].host).toBe(`${now.faces[0].subdomain}.${domain}`);
    }
  });
});

describe('where the proxy is', () => {
  test('told port 0, an address holds the port that was found, once it is known', async () => {
    const other = await startTestApi({ env: { TINYFORGE_HTTP_PORT: '0', TINYFORGE_HTTPS_PORT: '0' } });
    try {
      const faces = [{ host: 'a.example.org' }, { host: 'b.example.org', tls: 'auto' }];
      const { id, faces: before } = await other.workload({ faces });
      expect(before.map(({ url }: Answer) => url)).toEqual([null, null]);
      await other.opened.store.pool.query(`insert into state.proxy values ('default', 80, 12345)`);
      const { body } = await other.call('get', `/api/workloads/${id}`).expect(200);
      expect(body.faces.map(({ url }: Answer) => url)).toEqual([
        'http://a.example.org/',
        'https://b.example.org:12345/',
      ]);
    } finally {
      await other.stop();
    }
  });

  test('without one, nothing is promised that nobody would keep', async () => {
    const other = await startTestApi({ env: { TINYFORGE_PROXY: 'none' } });
    try {
      const made = await other.workload({ faces: [{ host: 'a.example.org' }] });
      expect(made['faces'][0].url).toBeNull();
      const more = { exposure: 'internal', basicAuth: { user: 'ann', password: 'x' }, tls: 'auto' };
      const answer = await other.call('patch', `/api/workloads/${made['id']}`, {
        faces: [{ host: 'a.example.org', ...more }],
      });
      expectProblem(answer, 400, 'invalid-face', ['/faces/0/exposure', '/faces/0/basicAuth', '/faces/0/tls']);
    } finally {
      await other.stop();
    }
  });
});

describe('the certificate that the proxy shows', () => {
  test('is told with its face, and why there is none', async () => {
    const faces = [
      { host: 'seen.example.org', tls: 'auto' },
      { host: 'waiting.example.org', tls: 'auto' },
      { host: 'unseen.example.org', tls: 'auto' },
      { host: 'seen.example.org', path: '/plain' },
    ];
    const { id } = await api.workload({ faces });
    await api.opened.store.pool.query(
      `insert into state.certificate values
        ('default', 'seen.example.org', 'Some CA', '2031-01-01T00:00:00Z', null, '2030-01-01T00:00:00Z'),
        ('elsewhere', 'unseen.example.org', 'Some CA', '2031-01-01T00:00:00Z', null, '2030-01-01T00:00:00Z'),
        ('default', 'waiting.example.org', null, null, 'no answer', '2030-01-01T00:00:00Z')`,
    );
    const { body } = await api.call('get', `/api/workloads/${id}`).expect(200);
    const seenAt = '2030-01-01T00:00:00.000Z';
    expect(body.faces.map(({ seenCertificate }: Answer) => seenCertificate)).toEqual([
      { issuer: 'Some CA', expiresAt: '2031-01-01T00:00:00.000Z', error: null, seenAt },
      { issuer: null, expiresAt: null, error: 'no answer', seenAt },
      null,
      null,
    ]);
  });
});
