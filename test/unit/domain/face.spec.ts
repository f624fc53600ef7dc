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
    const path = fc.string({ unit: fc.constantFrom('a', '/', '-', '~', '%'), maxLength: 8 }).map((rest) => `/${rest}`);
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
    'a'.repeat(64),
    `${'a.'.repeat(127)}b`,
  ])('has no host %j', (host) => expect(refused([face(host)])).toEqual(['/faces/0/host']));

  it.each(['', 'api', '/a b', '/a?b', '/a#b', '/../etc', '/a"', '/a\n', '/{http.vars}', '/a*'])(
    'has no path %j',
    (path) => expect(refused([face('shop.org', path)])).toEqual(['/faces/0/path']),
  );
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

function refused(faces: readonly Face[]): readonly string[] {
  try {
    return expect.fail(`accepted ${JSON.stringify(normaliseFaces(faces))}`);
  } catch (error) {
    if (!(error instanceof Rejection)) throw error;
    expect(error.code).toBe('invalid-face');
    return error.errors.map(({ pointer }) => pointer);
  }
}
