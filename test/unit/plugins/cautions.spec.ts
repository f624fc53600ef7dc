import { describe, expect, test } from 'vitest';
import type { Volume, VolumeScope } from '#domain/volume';
import { cautionsOf } from '#plugins/cautions';
import type { Release } from '#plugins/source';

const volume = (scope: VolumeScope, readOnly = false): Volume => {
  return { scope, source: scope === 'absolute' ? '/srv/shop' : 'data', target: '/data', readOnly };
};

function release(version: number, volumes: readonly Volume[] = [], faces = ['shop.test']): Release {
  return {
    workloadId: '01900000-0000-7000-8000-0000aaaaaaaa',
    workloadName: 'shop',
    deploymentId: `01900000-0000-7000-8000-00000000000${version}`,
    artifact: { kind: 'image', repository: 'ghcr.io/acme/shop', tag: `v${version}`, digest: null },
    config: {},
    faces: faces.map((host) => ({ host, path: '/', port: null })),
    env: {},
    volumes,
  };
}

test('a new version behind its faces needs no word', () => {
  expect(cautionsOf(release(2), release(1))).toEqual([]);
});

test('the first deployment has nothing to lose', () => {
  expect(cautionsOf(release(1, [volume('project')], []), null)).toEqual([expect.stringContaining('first deployment')]);
});

test('without a face nothing is switched', () => {
  expect(cautionsOf(release(2, [], []), release(1, [], []))).toEqual([expect.stringContaining('no face')]);
});

describe('a volume that old and new mount', () => {
  test.each<[VolumeScope, boolean]>([
    ['absolute', true],
    ['stage', true],
    ['project', true],
    ['project_named', true],
    ['named', true],
    ['instance', false],
    ['ephemeral', false],
  ])('of scope %s is written by both: %s', (scope, isShared) => {
    const told = cautionsOf(release(2, [volume(scope)]), release(1, [volume(scope)]));
    expect(told).toEqual(isShared ? [expect.stringContaining(`/data (${scope} volume`)] : []);
  });

  test('of one version is the same data when that version is deployed again', () => {
    expect(cautionsOf(release(1, [volume('instance')]), release(1, [volume('instance')]))).toHaveLength(1);
  });

  test('is nobody else’s where one of them only reads it, or did not have it', () => {
    expect(cautionsOf(release(2, [volume('project', true)]), release(1, [volume('project')]))).toEqual([]);
    expect(cautionsOf(release(2, [volume('project')]), release(1, [volume('project', true)]))).toEqual([]);
    expect(cautionsOf(release(2, [volume('project')]), release(1))).toEqual([]);
  });
});
