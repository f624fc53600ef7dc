import { describe, expect, it } from 'vitest';
import { workload, type WorkloadEvent } from '#domain/workload';
import { settings } from '#domain/settings';
import { isUnder, requireAllowed, VOLUME_SCOPES, type Volume, type VolumeScope } from '#domain/volume';
import { given } from '../../support/spec.js';
import { SAMPLES } from './samples.js';

const volume = (scope: VolumeScope, source = 'data', target = '/data'): Volume => {
  return { scope, source, target, readOnly: false };
};
const GOOD: Record<VolumeScope, string> = {
  absolute: '/srv/media',
  ephemeral: '',
  instance: 'data',
  stage: 'data/db',
  project: 'data',
  project_named: 'data',
  named: 'shared_data',
};
const set = (...volumes: Volume[]) =>
  given(workload, [SAMPLES.WorkloadCreated as WorkloadEvent]).when({ type: 'SetVolumes', volumes });

describe('the volumes of a workload', () => {
  it.each(VOLUME_SCOPES)('may be %s', (scope) => {
    const volumes = [volume(scope, GOOD[scope])];
    set(...volumes)
      .then([{ type: 'VolumesSet', data: { volumes } }])
      .state({ volumes });
  });

  it('lose a trailing slash, and set to what they are record nothing', () => {
    set(volume('absolute', '/srv/media/', '/data/')).then([
      { type: 'VolumesSet', data: { volumes: [volume('absolute', '/srv/media')] } },
    ]);
    const volumes = [volume('project')];
    given(workload, [SAMPLES.WorkloadCreated as WorkloadEvent, { type: 'VolumesSet', data: { volumes } }])
      .when({ type: 'SetVolumes', volumes })
      .then([]);
  });

  const RELATIVE: VolumeScope[] = ['instance', 'stage', 'project'];
  const ESCAPES = [
    '..',
    '../x',
    'a/../../b',
    '/etc',
    'a//b',
    './a',
    'a/',
    '',
    '%2e%2e/x',
    'a\u0000',
    'a\nb',
    'a b',
    '~',
  ];
  it.each(RELATIVE.flatMap((scope) => ESCAPES.map((source) => [scope, source] as const)))(
    '%s refuses the source %j',
    (scope, source) => {
      set(volume('project', 'fine', '/fine'), volume(scope, source)).rejects('invalid-volume', ['/volumes/1/source']);
    },
  );

  const HOST = ['data', '', '/', '/srv/../etc', '/srv/./x', '/srv//x', '/srv\u0000', '/srv/%2e%2e/etc', '/srv:/etc'];
  const ENGINE = [
    '/var/run/docker.sock',
    '/run/docker.sock',
    '/run/containerd/containerd.sock',
    '/proc',
    '/sys/fs',
    '/dev',
  ];
  it.each([...HOST, ...ENGINE])('absolute refuses the source %j', (source) => {
    set(volume('absolute', source)).rejects('invalid-volume', ['/volumes/0/source']);
  });

  it.each(['', '.', '..', '-v', 'a/b', '../x', 'a b', 'a;b', '$(id)', 'a\u0000', 'x'.repeat(101)])(
    'a Docker volume is not called %j',
    (source) => {
      set(volume('named', source)).rejects('invalid-volume', ['/volumes/0/source']);
      set(volume('project_named', source)).rejects('invalid-volume', ['/volumes/0/source']);
    },
  );

  it.each([
    '',
    'data',
    '/',
    '//',
    '/..',
    '/a/../b',
    '/a//b',
    '/proc',
    '/proc/1',
    '/sys',
    '/dev/shm',
    '/a\u0000',
    '/a:b',
  ])('refuse the target %j', (target) => {
    set(volume('project', 'data', target)).rejects('invalid-volume', ['/volumes/0/target']);
  });

  it('refuse one target twice, and too many', () => {
    set(volume('project', 'a'), volume('project', 'b', '/data/')).rejects('invalid-volume', ['/volumes/1/target']);
    const many = Array.from({ length: 51 }, (_, index) => volume('ephemeral', '', `/t${index}`));
    set(...many).rejects('invalid-volume', ['/volumes']);
  });
});

describe('what an instance allows', () => {
  const rules = { volumeBase: '/srv/volumes', allowedVolumePaths: ['/srv/media', '/mnt/nas'] };
  const isTaken = (each: Volume, by: Parameters<typeof requireAllowed>[1] = rules): boolean => {
    try {
      requireAllowed([each], by);
      return true;
    } catch (error) {
      expect(error).toMatchObject({ code: 'invalid-volume', errors: [{ pointer: '/volumes/0/source' }] });
      return false;
    }
  };

  it.each([
    ['/srv/media', true],
    ['/srv/media/films', true],
    ['/mnt/nas/a', true],
    ['/srv/media2', false],
    ['/srv', false],
    ['/etc', false],
  ])('host path %s: %s', (source, isFine) => {
    expect(isTaken(volume('absolute', source))).toBe(isFine);
    expect(isTaken(volume('absolute', source), { ...rules, allowedVolumePaths: [] })).toBe(false);
  });

  it.each([
    ['instance', false],
    ['stage', false],
    ['project', false],
    ['project_named', true],
    ['named', true],
    ['ephemeral', true],
  ] as const)('without a base, %s: %s', (scope, isFine) => {
    expect(isTaken(volume(scope), { ...rules, volumeBase: null })).toBe(isFine);
    expect(isTaken(volume(scope))).toBe(true);
  });

  it('is under itself and its root, not beside it', () => {
    const pairs = [
      ['/a', '/a'],
      ['/a/b', '/a'],
      ['/ab', '/a'],
      ['/a', '/a/b'],
      ['/a', '/'],
    ] as const;
    expect(pairs.map(([path, root]) => isUnder(path, root))).toEqual([true, true, false, false, true]);
  });
});

describe('the settings for volumes', () => {
  it('are paths and names', () => {
    const changes = { volumeBase: '/srv/volumes', allowedVolumePaths: ['/srv/media'], allowedNamedVolumes: ['nas'] };
    given(settings, [])
      .when({ type: 'ChangeSettings', changes })
      .then([{ type: 'SettingsChanged', data: changes }])
      .state(changes);
    given(settings, [{ type: 'SettingsChanged', data: changes }])
      .when({ type: 'ChangeSettings', changes: { ...changes } })
      .then([]);
  });

  it.each([
    [{ volumeBase: 'data' }, '/volumeBase'],
    [{ volumeBase: '/' }, '/volumeBase'],
    [{ volumeBase: '/srv/../etc' }, '/volumeBase'],
    [{ allowedVolumePaths: ['/srv', '/'] }, '/allowedVolumePaths/1'],
    [{ allowedVolumePaths: ['/proc'] }, '/allowedVolumePaths/0'],
    [{ allowedNamedVolumes: ['../x'] }, '/allowedNamedVolumes/0'],
  ])('refuse %j', (changes, pointer) => {
    given(settings, []).when({ type: 'ChangeSettings', changes }).rejects('invalid-setting', [pointer]);
  });
});
