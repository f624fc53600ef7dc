import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { checkAccess, listTags, resolveTag } from '#plugins/oci/registry-client';
import type { HttpAnswer } from '#plugins/http';
import type { RegistryAccess } from '#plugins/source';
import { fakeWorld } from '../../../support/fake-step-io.js';

const DIGEST = `sha256:${'a'.repeat(64)}`;
const answer = (status: number, headers: Record<string, string> = {}, body: unknown = ''): HttpAnswer => {
  return { status, headers, body: new TextEncoder().encode(typeof body === 'string' ? body : JSON.stringify(body)) };
};
const access = (extra: Partial<RegistryAccess> = {}): RegistryAccess => ({
  host: 'reg.test',
  insecure: false,
  credential: null,
  ...extra,
});
const credential = { username: 'ann', password: 'pä:ss' };
const BASIC = `Basic ${Buffer.from('ann:pä:ss').toString('base64')}`;

function registry(answers: Record<string, HttpAnswer>) {
  const world = fakeWorld();
  for (const [key, value] of Object.entries(answers)) world.http.set(key, value);
  return world;
}
const at = (extra: Partial<RegistryAccess> = {}) => ({ access: access(extra), repository: 'acme/shop' });
const MANIFEST = 'https://reg.test/v2/acme/shop/manifests/v1';

describe('a tag', () => {
  it('is asked for once, by HEAD, with all four kinds of manifest', async () => {
    const { io, requests } = registry({ [`HEAD ${MANIFEST}`]: answer(200, { 'docker-content-digest': DIGEST }) });
    expect(await resolveTag(io, at(), 'v1')).toBe(DIGEST);
    expect(requests).toHaveLength(1);
    const accept = requests[0]!.options.headers!['accept']!.split(', ').sort();
    expect(accept).toEqual([
      'application/vnd.docker.distribution.manifest.list.v2+json',
      'application/vnd.docker.distribution.manifest.v2+json',
      'application/vnd.oci.image.index.v1+json',
      'application/vnd.oci.image.manifest.v1+json',
    ]);
  });

  it('of Docker Hub is asked of its API host', async () => {
    const url = 'https://registry-1.docker.io/v2/library/nginx/manifests/1';
    const { io } = registry({ [`HEAD ${url}`]: answer(200, { 'docker-content-digest': DIGEST }) });
    expect(await resolveTag(io, { access: access({ host: 'docker.io' }), repository: 'library/nginx' }, '1')).toBe(
      DIGEST,
    );
  });

  it.each([answer(200), answer(200, { 'docker-content-digest': 'junk' }), answer(405)])(
    'is read whole where HEAD says no digest',
    async (head) => {
      const { io } = registry({ [`HEAD ${MANIFEST}`]: head, [`GET ${MANIFEST}`]: answer(200, {}, '{"x":1}') });
      expect(await resolveTag(io, at(), 'v1')).toBe(`sha256:${createHash('sha256').update('{"x":1}').digest('hex')}`);
    },
  );

  it.each([
    [404, 'TerminalError', 'no-such-tag'],
    [401, 'TerminalError', 'registry-denied'],
    [403, 'TerminalError', 'registry-denied'],
    [429, 'RetryableError', 'registry-unreachable'],
    [500, 'RetryableError', 'registry-unreachable'],
    [307, 'RetryableError', 'registry-unreachable'],
  ])('answered by %i is %s %s', async (status, name, code) => {
    const { io } = registry({ [`HEAD ${MANIFEST}`]: answer(status) });
    await expect(resolveTag(io, at(), 'v1')).rejects.toMatchObject({ name, code });
  });

  it('waits as long as the registry asks', async () => {
    const { io } = registry({ [`HEAD ${MANIFEST}`]: answer(429, { 'retry-after': '17' }) });
    await expect(resolveTag(io, at(), 'v1')).rejects.toMatchObject({ retryAfterSeconds: 17 });
  });

  it('of a registry that does not answer can be tried again', async () => {
    const { io } = registry({});
    await expect(resolveTag(io, at(), 'v1')).rejects.toMatchObject({
      name: 'RetryableError',
      code: 'registry-unreachable',
      message: expect.stringContaining('ECONNREFUSED'),
    });
  });
});

describe('a challenge', () => {
  const TOKEN = 'https://auth.test/token?service=reg&scope=repository%3Aacme%2Fshop%3Apull';
  const BEARER = {
    'www-authenticate': 'Bearer realm="https://auth.test/token",service="reg",scope="repository:acme/shop:pull"',
  };

  /** Asks for credentials until it gets these. */
  function guarded(challenge: Record<string, string>, expected: string, more: Record<string, HttpAnswer> = {}) {
    const world = registry(more);
    const plain = world.io.http;
    const http = {
      request: async (url: string, options = {} as Parameters<typeof plain.request>[1]) => {
        if (url !== MANIFEST) return plain.request(url, options);
        world.requests.push({ url, options: options! });
        return options!.headers!['authorization'] === expected
          ? answer(200, { 'docker-content-digest': DIGEST })
          : answer(401, challenge);
      },
    };
    return { ...world, io: { http, signal: world.io.signal } };
  }

  it.each(['token', 'access_token'])('for a token is answered with a %s', async (field) => {
    const { io, requests } = guarded(BEARER, 'Bearer T1', { [`GET ${TOKEN}`]: answer(200, {}, { [field]: 'T1' }) });
    expect(await resolveTag(io, at({ credential }), 'v1')).toBe(DIGEST);
    expect(requests.find(({ url }) => url === TOKEN)?.options.headers).toEqual({ authorization: BASIC });
  });

  it('for a token is answered without credentials where there are none', async () => {
    const { io, requests } = guarded(BEARER, 'Bearer T1', { [`GET ${TOKEN}`]: answer(200, {}, { token: 'T1' }) });
    expect(await resolveTag(io, at(), 'v1')).toBe(DIGEST);
    expect(requests.find(({ url }) => url === TOKEN)?.options.headers).toEqual({});
  });

  it('for a password is answered with it', async () => {
    const { io } = guarded({ 'www-authenticate': 'Basic realm="x"' }, BASIC);
    expect(await resolveTag(io, at({ credential }), 'v1')).toBe(DIGEST);
  });

  it.each([[{ 'www-authenticate': 'Basic realm="x"' }], [{}], [{ 'www-authenticate': 'Negotiate' }]])(
    '%j without credentials is a refusal',
    async (challenge) => {
      const { io } = guarded(challenge, 'never');
      await expect(resolveTag(io, at(), 'v1')).rejects.toMatchObject({ code: 'registry-denied' });
    },
  );

  it('that is never content is a refusal, not a loop', async () => {
    const { io, requests } = guarded({ 'www-authenticate': 'Basic realm="x"' }, 'never');
    await expect(resolveTag(io, at({ credential }), 'v1')).rejects.toMatchObject({ code: 'registry-denied' });
    expect(requests).toHaveLength(2);
  });

  it.each([
    [401, 'registry-denied'],
    [503, 'registry-unreachable'],
  ])('whose token server answers %i is %s', async (status, code) => {
    const { io } = guarded(BEARER, 'never', { [`GET ${TOKEN}`]: answer(status) });
    await expect(resolveTag(io, at({ credential }), 'v1')).rejects.toMatchObject({ code });
  });

  it.each(['http://auth.test/token', 'ftp://reg.test/', 'nonsense', ''])(
    'that points at %j gets no password',
    async (realm) => {
      const { io, requests } = guarded({ 'www-authenticate': `Bearer realm="${realm}"` }, 'never');
      await expect(resolveTag(io, at({ credential }), 'v1')).rejects.toMatchObject({ code: 'registry-denied' });
      expect(requests).toHaveLength(1);
    },
  );

  it('does not open a private network for a host that the registry names', async () => {
    const { io, requests } = guarded(BEARER, 'Bearer T1', { [`GET ${TOKEN}`]: answer(200, {}, { token: 'T1' }) });
    await resolveTag(io, at({ credential }), 'v1');
    const allowed = Object.fromEntries(requests.map(({ url, options }) => [new URL(url).host, options.allow]));
    expect(allowed).toEqual({ 'reg.test': { host: 'reg.test', insecure: false }, 'auth.test': undefined });
  });
});

describe('the guard', () => {
  it.each([
    [{}, undefined],
    [{ named: true }, { host: 'reg.test', insecure: false }],
    [{ credential }, { host: 'reg.test', insecure: false }],
    [{ insecure: true }, { host: 'reg.test', insecure: true }],
    [{ insecure: true, named: false }, undefined],
  ])('of %j is %j', async (extra, allow) => {
    const scheme = 'insecure' in extra ? 'http' : 'https';
    const { io, requests } = registry({ [`GET ${scheme}://reg.test/v2/`]: answer(200) });
    await checkAccess(io, access(extra));
    expect(requests[0]!.options.allow).toEqual(allow);
  });
});

describe('the tags', () => {
  const list = (query: string) => `GET https://reg.test/v2/acme/shop/tags/list?${query}`;

  it('come page by page', async () => {
    const { io } = registry({
      [list('n=1000')]: answer(
        200,
        { link: '</v2/acme/shop/tags/list?n=1000&last=b>; rel="next"' },
        { tags: ['a', 'b'] },
      ),
      [list('n=1000&last=b')]: answer(200, {}, { tags: ['c'] }),
    });
    expect(await listTags(io, at())).toEqual(['a', 'b', 'c']);
  });

  it('never lead to another host', async () => {
    const { io } = registry({
      [list('n=1000')]: answer(200, { link: '<https://evil.test/x>; rel="next"' }, { tags: ['a'] }),
    });
    expect(await listTags(io, at())).toEqual(['a']);
  });

  it('may be none', async () => {
    const { io } = registry({ [list('n=1000')]: answer(200, {}, { name: 'acme/shop', tags: null }) });
    expect(await listTags(io, at())).toEqual([]);
  });

  it.each(['{"tags": ["a"', '{"tags": [1]}', 'null', '<html>'])('%j is a broken answer', async (body) => {
    const { io } = registry({ [list('n=1000')]: answer(200, {}, body) });
    await expect(listTags(io, at())).rejects.toMatchObject({ code: 'registry-unreachable' });
  });

  it('of no repository are no-such-tag', async () => {
    const { io } = registry({ [list('n=1000')]: answer(404) });
    await expect(listTags(io, at())).rejects.toMatchObject({ code: 'no-such-tag' });
  });
});
