import 'reflect-metadata';
import { existsSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { checkConfig } from '#plugins/config';
import type { Release, Source, Step } from '#plugins/source';
import { SOURCES } from '#plugins/sources/sources';
import { FIXTURES } from '../../../conformance/sources.js';
import type { SourceFixture } from '../../../conformance/source-fixture.js';

const CANARY = 'CANARY-source-5b20c7';
const WORKLOAD = '01900000-0000-7000-8000-0000aaaaaaaa';

test('every source that ships is held to the contract, and nothing else', () => {
  // A new source adds test/conformance/sources/<kind>.ts and its name to test/conformance/sources.ts.
  expect(FIXTURES.map(({ kind }) => kind).sort()).toEqual(SOURCES.map(({ kind }) => kind).sort());
});

describe.each(FIXTURES.map((fixture) => [fixture.kind, fixture] as const))('source %s', (kind, fixture) => {
  const source = SOURCES.find((each) => each.kind === kind)!;
  const check = (config: object) => checkConfig(source.config, config);

  test('is a folder of its kind', () => {
    expect(existsSync(new URL(`../../../../libs/plugins/src/sources/${kind}/`, import.meta.url))).toBe(true);
    expect(source.title).not.toBe('');
  });

  describe('its config', () => {
    test('has defaults for everything that may be left out, and a sample with all of it', () => {
      const { value, errors } = check(fixture.smallest);
      expect(errors).toEqual([]);
      expect(check(source.sample).errors).toEqual([]);
      expect(plain(check(source.sample).value)).toEqual(plain(source.sample));
      expect(Object.keys(plain(value)).filter((key) => !(key in source.sample))).toEqual([]);
      expect(plain(check(plain(value)).value)).toEqual(plain(value));
    });

    test('refuses fields that there are not, wherever they are', () => {
      const unknown = 'thereIsNoSuchField';
      for (const pointer of objectsIn(source.sample)) {
        const config = structuredClone(plain(source.sample));
        at(config, pointer)[unknown] = 1;
        expect(check(config).errors.map((error) => error.pointer)).toContain(`${pointer}/${unknown}`);
      }
    });

    test('is not changed by being read', () => {
      const given = structuredClone(fixture.smallest);
      check(given);
      expect(given).toEqual(fixture.smallest);
      expect(check([]).errors).not.toEqual([]);
    });

    test.each(fixture.valid.map((config) => [JSON.stringify(config), config] as const))('takes %s', (_text, config) => {
      expect(check(config).errors).toEqual([]);
    });

    test.each(fixture.invalid.map(([pointer, config]) => [pointer, JSON.stringify(config), config] as const))(
      'refuses %s of %s',
      (pointer, _text, config) => {
        expect(check(config).errors.map((error) => error.pointer)).toContain(pointer);
      },
    );
  });

  describe('what it plans', () => {
    const releases = [releaseOf(source, fixture, 0), releaseOf(source, fixture, 1)] as const;
    const pairs: readonly (readonly [string, Release, Release | null])[] = [
      ['a first deployment', releases[0], null],
      ['a new version', releases[1], releases[0]],
      ['the same once more', { ...releases[0], deploymentId: releases[1].deploymentId }, releases[0]],
    ];

    test.each(pairs)('for %s is the same each time, with one switch and no name twice', (_what, to, from) => {
      const [plan, again] = [source.plan(to, from), source.plan(to, from)];
      const names = namesOf(plan.steps);
      expect(namesOf(again.steps)).toEqual(names);
      expect(again.downtime).toEqual(plan.downtime);
      expect(new Set(names).size).toBe(names.length);
      expect(plan.steps.filter(({ commit }) => commit)).toHaveLength(1);
      const after = plan.steps.slice(plan.steps.findIndex(({ commit }) => commit) + 1);
      expect(after.filter(({ undo }) => undo !== undefined)).toEqual([]);
      expect(['none', 'routed-only', 'recreate']).toContain(plan.downtime.class);
    });

    test('says why requests may be lost, and that nothing serves before the first', () => {
      expect(source.plan(releases[0], null).downtime.reasons).toContainEqual(
        expect.stringContaining('first deployment'),
      );
      for (const [, to, from] of pairs) {
        const { class: kindOf, reasons } = source.plan(to, from).downtime;
        if (kindOf !== 'none') expect(reasons).not.toEqual([]);
        for (const reason of reasons) expect(reason).toMatch(/^\S.*\.$/);
      }
    });

    test('tells no value of a variable, and neither does what takes it away', () => {
      const told = pairs.flatMap(([, to, from]) => [
        source.plan(to, from).downtime.reasons,
        namesOf(source.plan(to, from).steps),
      ]);
      expect(JSON.stringify(told)).not.toContain(CANARY);
      expect(namesOf(source.teardown({ workloadId: WORKLOAD, workloadName: 'shop' }))).not.toEqual([]);
    });

    test('is stopped and started by both or by neither', () => {
      expect(source.stop === undefined).toBe(source.start === undefined);
      if (source.stop) expect(namesOf(source.stop(releases[0]))[0]).toBe('unroute');
    });
  });

  test('sees that nothing of a release is there', () => {
    const release = releaseOf(source, fixture, 0);
    expect(source.observe(release, freeze({ containers: [] })).state).toBe('missing');
  });

  test('resolves a wish that names nothing, equal wishes to equal keys', () => {
    const config = freeze(check(fixture.smallest).value);
    const ref = source.reference(freeze({}), config);
    expect(source.reference(freeze({}), config)).toEqual(ref);
    expect(ref).toMatchObject('skip' in ref ? { skip: expect.any(String), reason: expect.any(String) } : { kind });
    expect(source.own(config)).toEqual(source.own(config));
  });
});

/** Frozen to the ground: who changes what it is given throws. */
function releaseOf(source: Source, { smallest, artifacts }: SourceFixture, version: 0 | 1): Release {
  return freeze({
    workloadId: WORKLOAD,
    workloadName: 'shop',
    deploymentId: `01900000-0000-7000-8000-00000000000${version}`,
    artifact: artifacts[version],
    config: checkConfig(source.config, smallest).value,
    faces: [{ host: 'shop.test', path: '/', port: 8080 }],
    env: { TOKEN: CANARY },
    volumes: [],
  });
}

function freeze<T>(value: T): T {
  if (typeof value === 'object' && value !== null) Object.values(Object.freeze(value)).forEach(freeze);
  return value;
}

function namesOf(steps: readonly Step[]): readonly string[] {
  return steps.map(({ name, instance }) => (instance === undefined ? name : `${name}-${instance}`));
}

type Fields = Record<string, unknown>;

function plain(value: object): Fields {
  return JSON.parse(JSON.stringify(value)) as Fields;
}

/** JSON Pointers of every object in it, itself among them. */
function objectsIn(value: unknown, pointer = ''): readonly string[] {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return [];
  return [pointer, ...Object.entries(value).flatMap(([key, inner]) => objectsIn(inner, `${pointer}/${key}`))];
}

function at(value: Fields, pointer: string): Fields {
  const keys = pointer.split('/').slice(1);
  return keys.reduce((inner, key) => inner[key] as Fields, value);
}
