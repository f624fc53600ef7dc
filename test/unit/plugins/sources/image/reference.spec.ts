import 'reflect-metadata';
import { describe, expect, it } from 'vitest';
import { sample, type ImageConfig } from '#plugins/sources/image/config.dto';
import { image } from '#plugins/sources/image/image';
import type { Wish } from '#plugins/inbound';
import { fakeWorld } from '../../../../support/fake-step-io.js';

const DIGEST = `sha256:${'b'.repeat(64)}`;
const config = (extra: Partial<ImageConfig> = {}): ImageConfig => ({ ...sample, ...extra });
const version = (wish: Wish, extra: Partial<ImageConfig> = {}) => {
  const ref = image.reference(wish, config(extra));
  return 'skip' in ref ? ref.skip : [ref.tag, ref.digest];
};
const git = { repo: 'acme/shop', ref: 'refs/heads/feat/x', branch: 'feat/x', sha: 'c'.repeat(40) };

describe('what a wish points at', () => {
  it.each<[string, Wish, Partial<ImageConfig>, unknown]>([
    ['nothing named', {}, {}, ['latest', null]],
    ['the default tag', {}, { defaultTag: 'stable' }, ['stable', null]],
    ["a tag in the image's name", {}, { image: 'ghcr.io/acme/shop:1.2' }, ['1.2', null]],
    ["a digest in the image's name", {}, { image: `ghcr.io/acme/shop@${DIGEST}` }, [null, DIGEST]],
    ['a tag', { image: { tag: 'v2' } }, { image: 'ghcr.io/acme/shop:1.2' }, ['v2', null]],
    ['a digest', { image: { digest: DIGEST } }, {}, [null, DIGEST]],
    ['tag and digest', { image: { tag: 'v2', digest: DIGEST } }, {}, ['v2', DIGEST]],
    ['its own repository', { image: { repository: 'ghcr.io/acme/shop', tag: 'v2' } }, {}, ['v2', null]],
    [
      'its own repository in another spelling',
      { image: { repository: 'docker.io/library/nginx' } },
      { image: 'nginx' },
      ['latest', null],
    ],
    ['another repository', { image: { repository: 'ghcr.io/acme/other' } }, {}, 'other-repository'],
    ['the same path elsewhere', { image: { repository: 'acme/shop' } }, {}, 'other-repository'],
    ['a commit', { git }, {}, ['latest', null]],
    ['a commit by template', { git }, { tagTemplate: 'sha-{{sha}}' }, [`sha-${'c'.repeat(40)}`, null]],
    ['a branch by template', { git }, { tagTemplate: '{{branch}}' }, ['feat-x', null]],
    ['a branch of odd characters', { git: { branch: 'fix/ü x' } }, { tagTemplate: '{{branch}}' }, ['fix---x', null]],
    ['a tag that the push has not', { git }, { tagTemplate: '{{tag}}' }, 'tag-template'],
    ['a branch of which nothing is left', { git: { branch: '...' } }, { tagTemplate: '{{branch}}' }, 'invalid-tag'],
    ['a tag that is none', { image: { tag: 'a b' } }, {}, 'invalid-tag'],
    ['a digest that is none', { image: { digest: 'sha256:x' } }, {}, 'invalid-digest'],
  ])('%s', (_, wish, extra, expected) => {
    expect(version(wish, extra)).toEqual(expected);
  });

  it('has one key for one request', () => {
    const keyOf = (extra: Partial<ImageConfig>, wish: Wish = {}) =>
      (image.reference(wish, config(extra)) as { key: string }).key;
    expect(keyOf({ image: 'nginx' })).toBe(keyOf({ image: 'docker.io/library/nginx:latest' }));
    const keys = [
      keyOf({}),
      keyOf({ registryName: 'mine' }),
      keyOf({ pullPolicy: 'never' }),
      keyOf({}, { image: { tag: 'x' } }),
    ];
    expect(new Set(keys).size).toBe(4);
  });

  it('is its own for a trigger that names nothing', () => {
    expect(image.own(config({ image: 'nginx:1' }))).toEqual({ image: 'docker.io/library/nginx', repo: null });
  });
});

describe('resolving', () => {
  it('pins a tag to the digest it has now', async () => {
    const { io, http } = fakeWorld();
    const url = 'https://ghcr.io/v2/acme/shop/manifests/latest';
    http.set(`HEAD ${url}`, { status: 200, headers: { 'docker-content-digest': DIGEST }, body: new Uint8Array() });
    const ref = image.reference({}, config());
    if ('skip' in ref) throw new Error(ref.reason);
    expect(await image.resolve(ref, io)).toEqual({
      kind: 'image',
      repository: 'ghcr.io/acme/shop',
      tag: 'latest',
      digest: DIGEST,
    });
  });

  it.each<[string, Wish, Partial<ImageConfig>, string | null]>([
    ['has a digest', { image: { digest: DIGEST } }, {}, DIGEST],
    ['is local', {}, { pullPolicy: 'never' }, null],
    ['takes what the host has', {}, { pullPolicy: 'missing' }, null],
  ])('asks nobody where the wish %s', async (_, wish, extra, digest) => {
    const { io, requests } = fakeWorld();
    const ref = image.reference(wish, config(extra));
    if ('skip' in ref) throw new Error(ref.reason);
    expect(await image.resolve(ref, io)).toMatchObject({ digest });
    expect(requests).toEqual([]);
  });
});
