import { expect, it } from 'vitest';
import { VOLUME_SCOPES, type VolumeScope } from '#domain/volume';
import { resolveVolume } from '#plugins/volumes/resolve-volume';

const workloadId = '0198c0de-0000-7000-8000-0000deadbeef';
const digest = `sha256:${'0123456789ab'.repeat(5)}cdef`;
const OWN = '/srv/volumes/shop-deadbeef';
const version = (tag: string | null, digested: string | null = digest) => ({ tag, digest: digested });

/** Every scope, with the place that a source named `data` has on the node. */
const TABLE: readonly [
  VolumeScope,
  { tag: string | null; digest: string | null } | null,
  string | null,
  string | null,
][] = [
  // scope, version, base → place
  ['absolute', version('1.4.2'), '/srv/volumes', 'data'],
  ['absolute', null, null, 'data'],
  ['ephemeral', version('1.4.2'), '/srv/volumes', 'memory'],
  ['instance', version('1.4.2'), '/srv/volumes', `${OWN}/instance-1.4.2/data`],
  ['instance', version('1.4.2'), '/srv/volumes/', `${OWN}/instance-1.4.2/data`],
  ['instance', version(null), '/srv/volumes', `${OWN}/instance-0123456789ab/data`],
  ['instance', version('feature/a b'), '/srv/volumes', `${OWN}/instance-feature-a-b/data`],
  ['instance', version(null, null), '/srv/volumes', `${OWN}/instance-latest/data`],
  ['instance', null, '/srv/volumes', null],
  ['instance', version('1.4.2'), null, null],
  ['stage', version('1.4.2'), '/srv/volumes', `${OWN}/data`],
  ['stage', version('1.4.2'), null, null],
  ['project', version('1.4.2'), '/srv/volumes', `${OWN}/data`],
  ['project', null, '/srv/volumes', `${OWN}/data`],
  ['project', version('1.4.2'), null, null],
  ['project_named', version('1.4.2'), '/srv/volumes', 'own volume tf-deadbeef-data'],
  ['project_named', null, null, 'own volume tf-deadbeef-data'],
  ['named', version('1.4.2'), '/srv/volumes', 'volume data'],
  ['named', null, null, 'volume data'],
];

it.each(TABLE)('%s of %j below %s is %s', (scope, artifact, base, place) => {
  const owner = { workloadId, workloadName: 'shop', artifact, base };
  const found = resolveVolume({ scope, source: 'data', target: '/data', readOnly: true }, owner);
  expect(found && wordsFor(found)).toBe(place);
  if (found !== null && found.kind !== 'memory') expect(found).toMatchObject({ target: '/data', readOnly: true });
  if (found?.kind === 'directory') expect(found.isOwn).toBe(scope !== 'absolute');
});

it('the table has every scope', () => {
  expect(new Set(TABLE.map(([scope]) => scope))).toEqual(new Set(VOLUME_SCOPES));
});

function wordsFor(found: NonNullable<ReturnType<typeof resolveVolume>>): string {
  if (found.kind === 'memory') return 'memory';
  return found.kind === 'directory' ? found.path : `${found.isOwn ? 'own ' : ''}volume ${found.name}`;
}
