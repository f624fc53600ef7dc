import { randomUUID } from 'node:crypto';
import { mkdir, mkdtemp, realpath, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createDocker } from '#docker/connect';
import type { Docker } from '#docker/docker';
import { LABELS } from '#domain/naming';
import { DEFAULT_SETTINGS, type Settings } from '#domain/settings';
import type { Volume } from '#domain/volume';
import { createVolumes } from '../../../apps/deploy-worker/src/volumes/prepare.js';
import { ensureEngine } from '../../support/engine.js';

let root: string;
let base: string;
let docker: Docker;
let settings: Settings;
let protectedPaths: string[];
const made: string[] = [];
const workloadId = randomUUID();
const own = `shop-${workloadId.slice(-8)}`;

beforeEach(async () => {
  root = await realpath(await mkdtemp(join(tmpdir(), 'tf-volumes-')));
  base = join(root, 'base');
  docker = createDocker({ host: await ensureEngine() });
  settings = { ...DEFAULT_SETTINGS, volumeBase: base, allowedVolumePaths: [join(root, 'media')] };
  protectedPaths = [join(root, 'ours')];
  await mkdir(join(root, 'media'));
  await mkdir(join(root, 'ours'));
});
afterEach(async () => {
  for (const name of made.splice(0)) await docker.removeVolume(name);
  await rm(root, { recursive: true, force: true });
});

function prepare(...volumes: Pick<Volume, 'scope' | 'source'>[]) {
  const io = createVolumes({
    docker,
    installation: 'here',
    signal: AbortSignal.timeout(30_000),
    settings: async () => settings,
    protectedPaths,
  });
  const artifact = { kind: 'image', repository: 'r', tag: '1.0.0', digest: null };
  const whole = volumes.map((volume, index) => ({ ...volume, target: `/v${index}`, readOnly: false }));
  return io.prepare({ workloadId, workloadName: 'shop', artifact, volumes: whole });
}
const sourceOf = async (scope: Volume['scope'], source: string) => {
  const [mount] = await prepare({ scope, source });
  return mount!.type === 'tmpfs' ? 'memory' : mount!.source;
};
const modeOf = async (path: string) => ((await stat(path)).mode & 0o777).toString(8);
const refused = { name: 'TerminalError', code: 'volume-not-allowed' };

describe('directories of a workload', () => {
  it('are made by us: open inside, shut to the host', async () => {
    expect(await sourceOf('project', 'data/db')).toBe(join(base, own, 'data/db'));
    expect(await sourceOf('instance', 'cache')).toBe(join(base, own, 'instance-1.0.0/cache'));
    expect(await sourceOf('ephemeral', '')).toBe('memory');
    expect([await modeOf(join(base, own)), await modeOf(join(base, own, 'data/db'))]).toEqual(['700', '777']);
  });

  it('keep what is in them', async () => {
    const path = await sourceOf('project', 'data');
    await writeFile(join(path, 'kept'), 'x');
    expect(await sourceOf('project', 'data')).toBe(path);
    expect((await stat(join(path, 'kept'))).size).toBe(1);
  });

  it('are never reached through a symbolic link that a container put there', async () => {
    const path = await sourceOf('project', 'data');
    await symlink('/etc', join(path, 'inner'));
    await expect(sourceOf('project', 'data/inner')).rejects.toMatchObject(refused);
    await expect(sourceOf('project', 'data/inner/ssh')).rejects.toMatchObject(refused);
    await writeFile(join(path, 'file'), '');
    await expect(sourceOf('project', 'data/file')).rejects.toMatchObject(refused);
  });

  it('follow a base that is a link itself', async () => {
    await mkdir(join(root, 'disk'));
    await symlink(join(root, 'disk'), base);
    expect(await sourceOf('project', 'data')).toBe(join(root, 'disk', own, 'data'));
  });

  it('need a base', async () => {
    settings = { ...settings, volumeBase: null };
    await expect(sourceOf('stage', 'data')).rejects.toMatchObject({ code: 'volume-base-missing' });
  });
});

describe('host paths', () => {
  it('are allowed below what an admin names, and made where they are missing', async () => {
    expect(await sourceOf('absolute', join(root, 'media/a/b'))).toBe(join(root, 'media/a/b'));
    expect(await modeOf(join(root, 'media/a/b'))).toBe('755');
    await writeFile(join(root, 'media/file'), '');
    expect(await sourceOf('absolute', join(root, 'media/file'))).toBe(join(root, 'media/file'));
  });

  it('are refused beside it, and through a link that leads out, also one to nowhere', async () => {
    await symlink('/etc', join(root, 'media/etc'));
    await symlink(join(root, 'nowhere'), join(root, 'media/dangling'));
    await symlink(join(root, 'media/a'), join(root, 'media/inside'));
    for (const path of ['elsewhere', 'media2', 'media/etc', 'media/etc/ssh', 'media/dangling', 'media/dangling/x'])
      await expect(sourceOf('absolute', join(root, path)), path).rejects.toMatchObject(refused);
    await mkdir(join(root, 'media/a'));
    expect(await sourceOf('absolute', join(root, 'media/inside'))).toBe(join(root, 'media/a'));
    settings = { ...settings, allowedVolumePaths: [] };
    await expect(sourceOf('absolute', join(root, 'media/a'))).rejects.toMatchObject(refused);
  });

  it('never open our own folder or the engine, whatever is allowed', async () => {
    settings = { ...settings, allowedVolumePaths: [root] };
    await symlink(join(root, 'ours'), join(root, 'media/ours'));
    for (const path of [root, join(root, 'ours'), join(root, 'ours/x'), join(root, 'media/ours')])
      await expect(sourceOf('absolute', path), path).rejects.toMatchObject(refused);
  });
});

describe('Docker volumes', () => {
  const named = (name: string) => {
    made.push(name);
    return name;
  };

  it('of the workload are made with its label, once', async () => {
    const name = named(`tf-${workloadId.slice(-8)}-db`);
    expect(await sourceOf('project_named', 'db')).toBe(name);
    expect(await sourceOf('project_named', 'db')).toBe(name);
    const labels = { [LABELS.workloadId]: workloadId, [LABELS.installation]: 'here' };
    expect(await docker.inspectVolume(name)).toMatchObject({ labels });
  });

  it.each(['named', 'project_named'] as const)('%s of somebody else are refused', async (scope) => {
    const source = `tf-${randomUUID()}`;
    const name = named(scope === 'named' ? source : `tf-${workloadId.slice(-8)}-${source}`);
    await docker.createVolume({ name, labels: { [LABELS.workloadId]: randomUUID() } });
    await expect(sourceOf(scope, source)).rejects.toMatchObject({ name: 'TerminalError', code: 'volume-foreign' });
    settings = { ...settings, allowedNamedVolumes: [name] };
    if (scope === 'named') expect(await sourceOf(scope, source)).toBe(name);
    else await expect(sourceOf(scope, source)).rejects.toMatchObject({ code: 'volume-foreign' });
  });
});
