import 'reflect-metadata';
import { beforeEach, describe, expect, it } from 'vitest';
import type { ComposeResult } from '#plugins/compose-io';
import type { Release } from '#plugins/source';
import { ComposeConfig } from '#plugins/sources/compose/config.dto';
import { prepare } from '#plugins/sources/compose/prepare';
import { fakeWorld, type FakeWorld } from '../../../../support/fake-step-io.js';

const YAML = 'services: { web: { image: "acme/shop:${TAG:-1}", environment: [TOKEN] } }';

/** What docker-compose 1.29.2 prints. */
const OLD = `
services:
  db:
    image: postgres:16
    volumes:
    - data:/d:rw
    - /srv/media:/m:ro
  web:
    command: echo $$HOME
    environment: {TOKEN: "it's $$x"}
    image: acme/shop:1
    ports:
    - target: 8080
    - 127.0.0.1:9000:80/tcp
    scale: 2
version: '3.9'
volumes:
  data: {}
`;

/** What docker compose 2 prints. */
const NEW = `
name: shop
services:
  db:
    command: null
    entrypoint: null
    image: postgres:16
    networks: {default: null}
    volumes:
      - type: volume
        source: data
        target: /d
        volume: {}
      - type: bind
        source: /srv/media
        target: /m
        read_only: true
        bind: {create_host_path: true}
  web:
    command: [echo, $$HOME]
    environment: {TOKEN: "it's $$x"}
    deploy: {replicas: 2}
    image: acme/shop:1
    networks: {default: null}
    ports:
      - mode: ingress
        target: 8080
        protocol: tcp
networks:
  default: {name: shop-aaaaaaaa_default}
volumes:
  data: {name: shop-aaaaaaaa_data}
`;

let world: FakeWorld;
let calls: { args: readonly string[]; env: Readonly<Record<string, string>> }[];
let written: Record<string, string>;
beforeEach(() => {
  world = fakeWorld();
  calls = [];
  written = {};
});

function ioWith(result: Partial<ComposeResult> | (() => Promise<never>)) {
  const whole = { code: 0, stdout: '', stderr: '', isTruncated: false };
  return {
    ...world.io,
    compose: {
      directory: '/work/shop',
      run: async (args: readonly string[], { env }: { env: Readonly<Record<string, string>> }) => {
        calls.push({ args, env });
        return typeof result === 'function' ? result() : { ...whole, ...result };
      },
      write: async (name: string, text: string) => {
        const isNew = written[name] !== text;
        written[name] = text;
        return isNew;
      },
      clear: async () => {},
    },
  };
}

function release(config: Partial<ComposeConfig> = {}, env: Record<string, string> = { TOKEN: 'canary' }) {
  return {
    workloadId: '01900000-0000-7000-8000-0000aaaaaaaa',
    workloadName: 'shop',
    deploymentId: '01900000-0000-7000-8000-000000000001',
    artifact: { kind: 'compose', repository: 'docker.io/acme/shop', tag: null, digest: null },
    config: Object.assign(new ComposeConfig(), { yaml: YAML, ...config }),
    faces: [],
    env,
  } as Release<ComposeConfig>;
}

describe('what the CLI makes of a file', () => {
  it.each([
    ['docker-compose 1.29', OLD],
    ['docker compose 2', NEW],
  ])('is read as %s prints it', async (_cli, stdout) => {
    const prepared = await prepare(ioWith({ stdout }), release());
    expect(prepared).toEqual({
      project: 'shop-aaaaaaaa',
      services: [
        {
          name: 'db',
          image: 'postgres:16',
          replicas: 1,
          pullPolicy: null,
          mounts: [{ type: 'bind', source: '/srv/media', target: '/m', readOnly: true }],
        },
        { name: 'web', image: 'acme/shop:1', replicas: 2, pullPolicy: null, mounts: [] },
      ],
    });
  });

  it('is asked for with names of ours, by argument list, and no value in either', async () => {
    await prepare(ioWith({ stdout: NEW }), release());
    expect(calls).toEqual([
      {
        args: [
          '--ansi',
          'never',
          '-p',
          'shop-aaaaaaaa',
          '--project-directory',
          '/work/shop',
          '-f',
          '/work/shop/compose.json',
          'config',
        ],
        env: { TFV_TOKEN: 'canary' },
      },
    ]);
    expect(written['compose.json']).toContain('acme/shop:${TFV_TAG:-1}');
    expect(written['compose.json']).toContain('${TFV_TOKEN}');
    expect(JSON.stringify([written, world.log])).not.toContain('canary');
  });

  it('is refused where variables made it what it may not be', async () => {
    const stdout = 'services: { web: { image: x, privileged: true } }';
    const yaml = 'services: { web: { image: x, privileged: "${P}" } }';
    await expect(prepare(ioWith({ stdout }), release({ yaml }, { P: 'true' }))).rejects.toMatchObject({
      code: 'compose-refused',
      message: expect.stringContaining('services.web.privileged'),
    });
    await expect(
      prepare(ioWith({ stdout }), release({ yaml, permissions: ['privileged'] }, { P: 'true' })),
    ).resolves.toMatchObject({ services: [{ name: 'web' }] });
  });

  it('is never asked for where the file would have others read', async () => {
    const yaml = 'services: { web: { image: x, env_file: "${F:-/etc/shadow}" } }';
    await expect(prepare(ioWith({}), release({ yaml }))).rejects.toMatchObject({ code: 'compose-refused' });
    expect(calls).toEqual([]);
  });

  it('needs every variable that has no default', async () => {
    const yaml = 'services: { web: { image: "x:$TAG", command: "${A:?}" } }';
    await expect(prepare(ioWith({}), release({ yaml }))).rejects.toMatchObject({
      code: 'compose-variable',
      message: expect.stringContaining('A, TAG is not set'),
    });
    expect(calls).toEqual([]);
  });

  it.each<[string, string]>([
    ['no YAML', 'a: ['],
    ['no services', 'services: {}'],
    ['something else', 'hello'],
  ])('that is %s is its failure', async (_what, stdout) => {
    await expect(prepare(ioWith({ stdout }), release())).rejects.toMatchObject({ code: 'compose-failed' });
  });

  it('says why it failed, without its own code and ours', async () => {
    const stderr = [
      'Creating network "x" with the default driver',
      'Traceback (most recent call last):',
      '  File "/usr/lib/python3/x.py", line 1, in f',
      "The Compose file '/work/shop/compose.json' is invalid because:",
      'services.web.image contains TFV_TAG, which is an invalid type',
    ].join('\n');
    const error = await prepare(ioWith({ code: 1, stderr }), release()).catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ name: 'TerminalError', code: 'compose-failed' });
    expect((error as Error).message).toBe(
      "Compose config failed: The Compose file 'compose.json' is invalid because: services.web.image contains TAG, which is an invalid type",
    );
  });

  it('waits for an engine that is away', async () => {
    world.docker.failures.set('ping', [Object.assign(new Error('away'), { code: 'docker-unreachable' })]);
    await expect(prepare(ioWith({ code: 1, stderr: 'x' }), release())).rejects.toMatchObject({
      code: 'docker-unreachable',
    });
  });

  it('of a project that is somebody else’s is left alone', async () => {
    const labels = { 'com.docker.compose.project': 'shop-aaaaaaaa' };
    world.docker.images.set('x', {
      id: 'sha256:1',
      repoDigests: [],
      os: '',
      architecture: '',
      hasHealthcheck: false,
      createdAt: null,
    });
    const plain = {
      env: {},
      command: null,
      ports: [],
      cpuLimit: null,
      memoryLimit: null,
      restart: 'no' as const,
      network: 'n',
    };
    await world.docker.ensureNetwork({ name: 'n', labels: {}, interContainer: true });
    await world.docker.createContainer({ name: 'theirs', image: 'x', labels, ...plain });
    await expect(prepare(ioWith({ stdout: NEW }), release())).rejects.toMatchObject({ code: 'project-foreign' });
  });

  it('has volumes that are this workload’s alone', async () => {
    await world.docker.createVolume({ name: 'shop-aaaaaaaa_data', labels: {} });
    await expect(prepare(ioWith({ stdout: NEW }), release())).rejects.toMatchObject({ code: 'volume-foreign' });
  });
});
