import { resolve } from 'node:path';
import { describe, expect, it } from 'vitest';
import { CONFIG_VARIABLES, configurationPage } from '#runtime/config-variables';
import { ConfigError, readConfig, secretValues } from '#runtime/config';

const KEY = 'ab'.repeat(32);

function problems(
  env: Record<string, string>,
  app: Parameters<typeof readConfig>[1] = 'all-in-one',
): readonly string[] {
  try {
    readConfig(env, app);
  } catch (error) {
    if (error instanceof ConfigError) return error.problems;
    throw error;
  }
  return [];
}

describe('readConfig', () => {
  it('gives the documented defaults for an empty environment, and takes empty as unset', () => {
    const config = readConfig({ DATABASE_URL: '', TINYFORGE_API_PORT: '' }, 'all-in-one');
    expect(config).toEqual({
      app: 'all-in-one',
      dataDir: resolve('data'),
      databaseUrl: null,
      redisUrl: null,
      dockerHost: 'unix:///var/run/docker.sock',
      bind: '127.0.0.1',
      apiPort: 8700,
      ingressPort: 8701,
      healthPort: 0,
      publicUrl: null,
      publicIngressUrl: null,
      proxy: { kind: 'caddy', adminUrl: null, bind: '127.0.0.1', httpPort: 8780, httpsPort: 8743, traefikDir: null },
      adminToken: null,
      masterKey: null,
      lease: { leaseMs: 10_000, renewMs: 3_000, trustMs: 7_000, sweepMs: 2_000 },
      observeMs: 30_000,
      node: 'default',
      portRange: { first: 20_000, last: 29_999 },
      subnetPool: '10.214.0.0/16',
      logLevel: 'info',
      otlpEndpoint: null,
    });
  });

  it.each([
    ['TINYFORGE_API_PORT', '70000'],
    ['TINYFORGE_API_PORT', '80a'],
    ['TINYFORGE_INGRESS_PORT', '-1'],
    ['TINYFORGE_BIND', 'example.org'],
    ['DATABASE_URL', 'mysql://host/db'],
    ['REDIS_URL', 'localhost:6379'],
    ['DOCKER_HOST', '/var/run/docker.sock'],
    ['TINYFORGE_PUBLIC_URL', 'ftp://forge.example.org'],
    ['TINYFORGE_PUBLIC_URL', 'https://forge.example.org/?a=1'],
    ['TINYFORGE_PROXY', 'nginx'],
    ['TINYFORGE_SUBNET_POOL', '10.214.0.1/16'],
    ['TINYFORGE_SUBNET_POOL', '10.214.0.0/27'],
    ['TINYFORGE_SUBNET_POOL', 'fd00::/16'],
    ['CADDY_ADMIN_URL', 'localhost:2019'],
    ['TINYFORGE_ADMIN_TOKEN', 'short'],
    ['TINYFORGE_MASTER_KEY', 'too-short'],
    ['TINYFORGE_LEASE_MS', '10s'],
    ['TINYFORGE_NODE', 'Node 1'],
    ['TINYFORGE_PORT_RANGE', '30000-20000'],
    ['TINYFORGE_PORT_RANGE', '80-90'],
    ['LOG_LEVEL', 'loud'],
    ['OTEL_EXPORTER_OTLP_ENDPOINT', 'collector:4318'],
  ])('refuses %s=%s by name', (name, value) => {
    const found = problems({ [name]: value });
    expect(found).toHaveLength(1);
    expect(found[0]).toMatch(new RegExp(`^${name}.*expected .*unset it`));
  });

  it('names every bad value at once', () => {
    expect(problems({ TINYFORGE_PROXY: 'traefik' })).toEqual([expect.stringContaining('TINYFORGE_TRAEFIK_DIR')]);
    expect(problems({ TINYFORGE_PROXY: 'traefik', TINYFORGE_TRAEFIK_DIR: '/etc/traefik/dynamic' })).toEqual([]);
    expect(problems({ LOG_LEVEL: 'loud', TINYFORGE_PROXY: 'nginx' })).toHaveLength(2);
  });

  it('never repeats a secret', () => {
    const secrets = {
      TINYFORGE_ADMIN_TOKEN: 'canary 1',
      TINYFORGE_MASTER_KEY: 'canary2',
      DATABASE_URL: 'mysql://u:canary3@h/db',
      REDIS_URL: 'http://:canary4@h',
    };
    const found = problems(secrets);
    expect(found).toHaveLength(4);
    expect(found.join()).not.toContain('canary');
  });

  it('takes a Postgres over a socket, a range with an en dash and a public address with a slash', () => {
    const config = readConfig(
      {
        DATABASE_URL: 'postgres://u:p%40ss@/db?host=/run/x',
        TINYFORGE_PORT_RANGE: '21000–21999',
        TINYFORGE_PUBLIC_URL: 'https://forge.example.org/',
      },
      'api',
    );
    expect([config.portRange, config.publicUrl]).toEqual([
      { first: 21_000, last: 21_999 },
      'https://forge.example.org',
    ]);
    expect(secretValues(config)).toEqual(['p@ss']);
  });

  it('lists what the log must mask', () => {
    const config = readConfig(
      { TINYFORGE_ADMIN_TOKEN: 'x'.repeat(16), TINYFORGE_MASTER_KEY: KEY, REDIS_URL: 'redis://:pw@h' },
      'admin',
    );
    expect(secretValues(config)).toEqual(['x'.repeat(16), KEY, 'pw']);
  });

  it('wants a shared database of an app on its own', () => {
    expect(problems({}, 'webhook-ingress')[0]).toMatch(/^DATABASE_URL is unset: webhook-ingress/);
    expect(problems({}, 'admin')).toEqual([]);
  });

  it('refuses one port for two listeners, but for "any"', () => {
    expect(problems({ TINYFORGE_API_PORT: '9000', TINYFORGE_INGRESS_PORT: '9000' })[0]).toContain(
      'TINYFORGE_INGRESS_PORT',
    );
    expect(problems({ TINYFORGE_API_PORT: '0', TINYFORGE_INGRESS_PORT: '0' })).toEqual([]);
  });

  it('derives the other times from the lease', () => {
    expect(readConfig({ TINYFORGE_LEASE_MS: '2000' }, 'admin').lease).toEqual({
      leaseMs: 2000,
      renewMs: 600,
      trustMs: 1400,
      sweepMs: 400,
    });
  });
});

describe('docs/configuration.md', () => {
  it('has a row for every variable', () => {
    const page = configurationPage();
    for (const { name } of CONFIG_VARIABLES) expect(page).toContain(`| \`${name}\` |`);
  });
});
