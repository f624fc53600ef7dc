import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Rejection } from '#domain/errors';
import { normaliseFaces, type Face } from '#domain/face';

const face = (host: string, path = '/', port: number | null = null): Face => ({
  host,
  path,
  port,
});

describe('a face', () => {
  it('is kept in one spelling', () => {
    expect(normaliseFaces([face('Shop.Example.ORG', '/api/', 8080)])).toEqual([face('shop.example.org', '/api', 8080)]);
    expect(normaliseFaces([face('shop.example.org', '/api//')])).toEqual([face('shop.example.org', '/api')]);
    expect(normaliseFaces([face('shop.example.org', '//')])).toEqual([face('shop.example.org')]);
  });

  it('normalised twice is normalised', () => {
    const label = fc.stringMatching(/^[A-Za-z0-9]([A-Za-z0-9-]{0,8}[A-Za-z0-9])?$/);
    const host = fc.array(label, { minLength: 1, maxLength: 4 }).map((labels) => labels.join('.'));
    const path = fc.string({ unit: fc.constantFrom('a', '/', '-', '~', 'B'), maxLength: 8 }).map((rest) => `/${rest}`);
    fc.assert(
      fc.property(host, path, (anyHost, anyPath) => {
        const once = normaliseFaces([face(anyHost, anyPath)]);
        expect(normaliseFaces(once)).toEqual(once);
        expect(once[0]!.path === '/' || !once[0]!.path.endsWith('/')).toBe(true);
      }),
    );
  });

  it.each([
    '',
    'a b',
    'shop.example.org:80',
    'shop..org',
    '.org',
    'shop.org.',
    '-shop.org',
    'shop_.org',
    '*.org',
    'x/y',
    'a`) || PathPrefix(`/',
    '{env.HOME}.org',
    'bücher.example',
    'a\n.org',
    'a'.repeat(64),
    `${'a.'.repeat(127)}b`,
  ])('has no host %j', (host) => expect(refused([face(host)])).toEqual(['/faces/0/host']));

  it.each([
    '',
    'api',
    '/a b',
    '/a?b',
    '/a#b',
    '/../etc',
    '/a"',
    '/a\n',
    '/{http.vars}',
    '/a*',
    '/a/./b',
    '/%61',
    '/a`b',
  ])('has no path %j', (path) => expect(refused([face('shop.org', path)])).toEqual(['/faces/0/path']));
});

describe('the faces of a workload', () => {
  it('may share a host', () => {
    expect(normaliseFaces([face('shop.org', '/'), face('shop.org', '/api')])).toHaveLength(2);
  });

  it('do not name one place twice, in any spelling', () => {
    expect(refused([face('shop.org', '/api'), face('SHOP.org', '/api/')])).toEqual(['/faces/1']);
  });

  it('are refused with every bad field named', () => {
    expect(refused([face('a b', 'x'), face('shop.org'), face('', '/')])).toEqual([
      '/faces/0/host',
      '/faces/0/path',
      '/faces/2/host',
    ]);
  });
});

const SECRET = { secretId: 's1', version: 1, fingerprint: 'f' };

describe('who may come in', () => {
  it('is kept in one spelling, and what is not asked for is left out', () => {
    const asked = {
      ...face('a.org'),
      exposure: 'internal',
      allow: ['10.1.2.3/8', '10.0.0.0/8', '2001:DB8::/32'],
    } as const;
    expect(normaliseFaces([asked])).toEqual([
      { ...face('a.org'), exposure: 'internal', allow: ['10.0.0.0/8', '2001:db8::/32'] },
    ]);
    const plain = { ...face('a.org'), exposure: 'public', allow: [], tls: 'off' } as const;
    expect(JSON.stringify(normaliseFaces([plain]))).toBe(JSON.stringify([face('a.org')]));
  });

  it.each([
    ['ranges of a public face', { allow: ['10.0.0.0/8'] }, ['/faces/0/allow']],
    ['a range that is none', { exposure: 'internal', allow: ['10.0.0.0/8', '10.0.0/8'] }, ['/faces/0/allow/1']],
    ['a host name', { exposure: 'internal', allow: ['localhost'] }, ['/faces/0/allow/0']],
    ['a placeholder', { exposure: 'internal', allow: ['{env.HOME}'] }, ['/faces/0/allow/0']],
    ['a user with a colon', { basicAuth: { user: 'a:b', password: SECRET } }, ['/faces/0/basicAuth/user']],
    ['a user with a brace', { basicAuth: { user: '{env.X}', password: SECRET } }, ['/faces/0/basicAuth/user']],
    ['no user', { basicAuth: { user: '', password: SECRET } }, ['/faces/0/basicAuth/user']],
    ['custom without a certificate', { tls: 'custom' }, ['/faces/0/certificate']],
    [
      'a certificate without custom',
      { tls: 'auto', certificate: { chain: 'x', key: SECRET } },
      ['/faces/0/certificate'],
    ],
  ] as const)('is not said with %s', (_what, more, pointers) => {
    expect(refused([{ ...face('a.org'), ...more }])).toEqual(pointers);
  });

  it('is not two certificates for one host', () => {
    const custom = (path: string, chain: string): Face => {
      return { ...face('a.org', path), tls: 'custom', certificate: { chain, key: SECRET } };
    };
    expect(refused([custom('/', 'one'), custom('/b', 'one'), custom('/c', 'two')])).toEqual(['/faces/2/certificate']);
  });
});

describe('anything that is accepted', () => {
  it('holds no brace, quote, space or line break for a proxy to read', () => {
    const text = fc.oneof(
      fc.string({ unit: 'binary', maxLength: 12 }),
      fc.constantFrom('{env.HOME}', '{http.request.host}', 'a`b', 'a"b', 'x\ny', '*.a.org', '${x}', 'a.org'),
    );
    fc.assert(
      fc.property(text, text, text, (host, path, user) => {
        const asked = { host, path: `/${path}`, port: null, basicAuth: { user, password: SECRET } };
        let accepted: readonly Face[] = [];
        try {
          accepted = normaliseFaces([asked]);
        } catch (error) {
          expect(error).toBeInstanceOf(Rejection);
        }
        for (const each of accepted)
          expect(each.host + each.path + each.basicAuth!.user).not.toMatch(/[{}`"*\s\\<>]|[^\x20-\x7e]/);
      }),
      { numRuns: 2_000 },
    );
  });
});

function refused(faces: readonly Face[]): readonly string[] {
  try {
    return expect.fail(`accepted ${JSON.stringify(normaliseFaces(faces))}`);
  } catch (error) {
    if (!(error instanceof Rejection)) throw error;
    expect(error.code).toBe('invalid-face');
    return error.errors.map(({ pointer }) => pointer);
  }
}
