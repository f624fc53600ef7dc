import { chmod, mkdir, readdir, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { compose } from '#plugins/sources/compose/compose';
import type { ComposeConfig } from '#plugins/sources/compose/config.dto';
import { createComposeCli } from '../../../apps/deploy-worker/src/compose-cli.js';
import { buildImage, demoImage } from '../../support/images.js';
import { ComposeStage, health, HEALTHY, SLEEP } from './compose-stage.js';

const stage = new ComposeStage();
beforeAll(async () => {
  await stage.open();
  for (const name of ['web', 'db']) await stage.push(name, 'v1');
});
beforeEach(() => stage.begin());
afterEach(async () => {
  stage.cli = createComposeCli(stage.engine);
  await stage.end();
});
afterAll(() => stage.close());

const image = (name: string, version = 'v1') => `${stage.registry.host}/acme/${name}:${version}`;
const web = (more = '') => `services: { web: { image: "${image('web')}"${more} } }`;
const refused = (yaml: string, config: Partial<ComposeConfig> = {}, env: Record<string, string> = {}) =>
  stage.deploy(stage.release(yaml, config, { env })).then(
    () => 'deployed',
    (error: { code: string; message: string }) => error,
  );

describe('a file that asks for too much', () => {
  it.each<[string, (text: string) => string, string, Record<string, string>]>([
    [
      'by extends',
      (img) => `services: { web: { extends: base, image: "${img}" }, base: { image: "${img}", pid: host } }`,
      'services.base.pid',
      {},
    ],
    [
      'by an anchor',
      (img) => `x-a: &a { cap_add: [ALL] }\nservices: { web: { image: "${img}", <<: *a } }`,
      'services.web.cap_add',
      {},
    ],
    [
      'by a variable',
      (img) => `services: { web: { image: "${img}", network_mode: "$M" } }`,
      'services.web.network_mode',
      { M: 'host' },
    ],
    ['by a default', (img) => `services: { web: { image: "${img}", ipc: "\${M:-host}" } }`, 'services.web.ipc', {}],
    ['by a bind', (img) => `services: { web: { image: "${img}", volumes: ["/etc:/x"] } }`, 'is not under a path', {}],
    [
      'by a long bind',
      (img) => `services: { web: { image: "${img}", volumes: [{ type: bind, source: "$D", target: /x }] } }`,
      'is not under a path',
      { D: '/root' },
    ],
    [
      'by the socket',
      (img) => `services: { web: { image: "${img}", volumes: ["/var/run/docker.sock:/s"] } }`,
      'container engine',
      {},
    ],
    [
      'by a relative bind',
      (img) => `services: { web: { image: "${img}", volumes: ["./x:/x"] } }`,
      'is not under a path',
      {},
    ],
    [
      'by a volume that is a window',
      (img) =>
        `services: { web: { image: "${img}" } }\nvolumes: { d: { driver_opts: { type: none, o: bind, device: "$D" } } }`,
      'volumes.d.driver_opts',
      { D: '/etc' },
    ],
  ])('%s is refused, and nothing of it is left', async (_how, yaml, why, env) => {
    const error = await refused(yaml(image('web')), {}, env);
    expect(error).toMatchObject({ code: expect.stringMatching(/^(compose-refused|volume-not-allowed)$/) });
    expect((error as { message: string }).message).toContain(why);
    expect(await stage.all()).toEqual([]);
    expect(await readdir(stage.root)).not.toContain(stage.workloadId);
  });

  it('by a symbolic link below an allowed path is refused; a real one is mounted where it leads', async () => {
    await mkdir(join(stage.root, 'allowed', 'media'), { recursive: true });
    await symlink('/etc', join(stage.root, 'allowed', `out-${stage.workloadId}`));
    await symlink(join(stage.root, 'allowed', 'media'), join(stage.root, 'allowed', `in-${stage.workloadId}`));
    const bind = (name: string) => web(`, volumes: ["${join(stage.root, 'allowed', name)}:/x:ro"]`);
    expect(await refused(bind(`out-${stage.workloadId}`))).toMatchObject({ code: 'volume-not-allowed' });
    expect(await refused(bind(`in-${stage.workloadId}`))).toBe('deployed');
    expect(compose.plan(stage.release(bind(`in-${stage.workloadId}`)), null).steps.map(({ name }) => name)).toContain(
      'start',
    );
  });
});

describe('a file that cannot run', () => {
  it('names the variable that is not set', async () => {
    expect(await refused(web(', environment: { A: "${NOT_SET}" }'))).toMatchObject({
      code: 'compose-variable',
      message: expect.stringContaining('NOT_SET'),
    });
  });

  it('says in the CLI’s own words what is wrong with it', async () => {
    expect(await refused(web(', mem_limit: [1]'))).toMatchObject({
      code: 'compose-failed',
      message: expect.stringContaining('mem_limit'),
    });
  });

  it('is held against a project of somebody else', async () => {
    const docker = stage.docker;
    const labels = { 'com.docker.compose.project': stage.project };
    const plain = { env: {}, command: null, ports: [], cpuLimit: null, memoryLimit: null, restart: 'no' as const };
    const { id } = await docker.createContainer({
      name: `x-${stage.project}`,
      image: image('web'),
      labels,
      network: 'none',
      ...plain,
    });
    expect(await refused(web())).toMatchObject({ code: 'project-foreign' });
    expect(await docker.inspectContainer(id)).not.toBeNull();
    await docker.removeContainer(id);
  });

  it('runs an image of this host alone by its id', async () => {
    const tag = `tf-local-${stage.project}:1`;
    const id = await stage.build(tag, 'local');
    const { facts } = await stage.deploy(stage.release(`services: { web: { image: "${tag}" } }`));
    expect(Object.values(facts['images'] as object)).toEqual([id]);
    expect(await stage.served()).toContain('local');
  });
});

describe('a CLI that does not do what it should', () => {
  const program = async (script: string) => {
    const path = join(stage.root, `cli-${stage.workloadId}`);
    await writeFile(path, `#!/bin/sh\ncase "$*" in *version*) echo 1.29.2; exit 0;; esac\n${script}\n`);
    await chmod(path, 0o755);
    return createComposeCli(stage.engine, [{ file: path, args: [] }]);
  };

  it('is not there', async () => {
    stage.cli = createComposeCli(stage.engine, [{ file: '/nonexistent/docker-compose', args: [] }]);
    expect(await refused(web())).toMatchObject({ code: 'compose-missing', failureClass: 'operator' });
  });

  it('hangs', async () => {
    stage.cli = await program('sleep 60');
    expect(await refused(web(), { deadlineSeconds: 1 })).toMatchObject({ code: 'compose-timeout' });
  });

  it('fails, and what it said of an address’ password is blanked', async () => {
    stage.cli = await program('echo "cannot reach https://ann:canary@registry.test" >&2; exit 3');
    const error = await refused(web());
    expect(error).toMatchObject({ code: 'compose-failed' });
    expect(JSON.stringify([error, stage.lines])).not.toContain('canary');
    expect((error as { message: string }).message).toContain('cannot reach');
  });
});

describe('a service that cannot stand beside itself', () => {
  const yaml = (version: string) => `
services:
  web:
    image: "${image('web', version)}"
    restart: unless-stopped
    volumes: ["data:/data"]
volumes: { data: {} }
`;

  it('is recreated in place, and brought back when the new one fails', async () => {
    const { served: before } = await stage.deploy(stage.release(yaml('v1')));
    expect(await stage.served()).toContain('web v1');
    await buildImage(stage.engine, { tag: image('web', 'bad'), ...demoImage({ version: 'bad', mode: 'exits' }) });
    await stage.push('web', 'bad', 'exits');
    const bad = stage.release(yaml('bad'), { healthcheck: health(3) });
    const plan = compose.plan(bad, before);
    expect(plan.downtime).toMatchObject({
      class: 'recreate',
      reasons: expect.arrayContaining([expect.stringContaining('volume')]),
    });
    await expect(stage.deploy(bad, before)).rejects.toMatchObject({ name: 'TerminalError' });
    expect((await stage.all()).map(({ labels }) => labels['tinyforge.deployment.id'])).toEqual([before.deploymentId]);
    await expect.poll(() => stage.served(), { timeout: 10_000 }).toContain('web v1');
    await stage.push('web', 'v2');
    await stage.deploy(stage.release(yaml('v2')), before);
    expect(await stage.served()).toContain('web v2');
    expect(await stage.all()).toHaveLength(1);
  });
});

describe('a service of two instances, and a job that ends', () => {
  it('stand side by side through a switch', async () => {
    await stage.begin(2);
    const yaml = `
services:
  web: { image: "${image('web')}", restart: always, deploy: { replicas: 2 } }
  migrate: { image: "${image('db')}", command: ["true"] }
  db: { image: "${image('db')}", restart: always, command: ${SLEEP}, healthcheck: ${HEALTHY} }
`;
    const { facts, served } = await stage.deploy(stage.release(yaml));
    expect(facts['routePorts']).toHaveLength(2);
    const roles = (facts['containers'] as { role: string; hasEnded?: true }[]).map(({ role, hasEnded = false }) => [
      role,
      hasEnded,
    ]);
    expect(roles).toEqual(
      expect.arrayContaining([
        ['web-1', false],
        ['web-2', false],
        ['migrate-1', true],
        ['db-1', false],
      ]),
    );
    const again = { ...stage.release(yaml) };
    await stage.deploy(again, served);
    const now = (await stage.all()).filter(({ labels }) => labels['com.docker.compose.service'] === 'web');
    expect(now.map(({ labels }) => labels['tinyforge.deployment.id'])).toEqual([
      again.deploymentId,
      again.deploymentId,
    ]);
    expect(compose.observe(again, { containers: await stage.all() })).toEqual({
      state: 'running',
      detail: '3 of 3 services running',
    });
  });
});

describe('an event of one image', () => {
  it('makes the services of its repository that version, and leaves the others as they are', async () => {
    const yaml = `
services:
  web: { image: "${image('web')}", restart: always }
  db: { image: "${image('db')}", restart: always, command: ${SLEEP}, healthcheck: ${HEALTHY} }
`;
    const { served: before } = await stage.deploy(stage.release(yaml));
    const old = await stage.containers();
    await stage.push('db', 'v1');
    const digest = await stage.push('web', 'v9');
    const repository = `${stage.registry.host}/acme/web`;
    const pushed = stage.release(yaml);
    const ref = compose.reference({ image: { repository, tag: 'v9', digest } }, pushed.config);
    if ('skip' in ref) throw new Error(ref.reason);
    const artifact = await compose.resolve(ref, stage.stepIo());
    expect(artifact).toMatchObject({ repository, tag: 'v9', digest });
    await stage.deploy({ ...pushed, artifact }, before);
    expect(await stage.served()).toContain('web v9');
    expect((await stage.containers())['db']!.id).toBe(old['db']!.id);
    const other = compose.reference(
      { image: { repository: `${stage.registry.host}/acme/api`, tag: '1' } },
      pushed.config,
    );
    expect(other).toMatchObject({ skip: 'other-repository' });
  });
});

describe('an image of this host alone that is gone', () => {
  it('is not looked for anywhere else', async () => {
    const pin = `sha256:${'0'.repeat(64)}`;
    const release = stage.release(web());
    const artifact = { ...release.artifact, images: { [image('web')]: pin } };
    await expect(stage.deploy({ ...release, artifact })).rejects.toMatchObject({ code: 'no-such-image' });
    expect(await stage.all()).toEqual([]);
  });
});
