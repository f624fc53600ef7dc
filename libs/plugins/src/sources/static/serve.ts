import { layoutOf } from '../../routing/port-groups.js';
import type { Facts, Release, Upstream } from '../../source.js';
import type { CreateOptions } from '../../steps/create.js';
import type { HealthOptions } from '../../steps/wait-healthy.js';
import { imageIdOf, siteOf } from './built.js';
import type { StaticConfig } from './config.dto.js';
import { HEALTH_PATH } from './files/caddyfile.js';
import { containerName, ROLE } from './names.js';
import { KIND } from './reference.js';
import { STORAGE_PATH } from './storage.js';

/** What Deno.serve listens on unless it is told otherwise; Caddy is told to. */
export const PORT = 8000;
export const UPSTREAM: Upstream = { port: PORT, instances: 1 };

export function healthOf({ mode, healthPath }: StaticConfig): HealthOptions {
  const times = { intervalSeconds: 1, timeoutSeconds: 5, deadlineSeconds: 60, minHealthySeconds: 0 };
  const path = mode === 'static' ? HEALTH_PATH : healthPath;
  return { ...times, rule: path === null ? { kind: 'docker' } : { kind: 'http', port: PORT, path } };
}

export function containerOf(release: Release<StaticConfig>): CreateOptions {
  const { workloadId, workloadName, deploymentId, faces, config } = release;
  const address = { PORT: String(PORT), DENO_SERVE_ADDRESS: `tcp:0.0.0.0:${PORT}` };
  // Its own are last: whoever sets PORT would only take the site off the port that is routed to.
  const env = { ...release.env, ...(config.mode === 'deno' && address) };
  return {
    workloadId,
    deploymentId,
    kind: KIND,
    instances: 1,
    roleOf: () => ROLE,
    nameOf: () => containerName(release),
    imageOf: imageIdOf,
    env,
    command: (facts) => commandOf(facts, { config, keys: Object.keys(env) }),
    cpuLimit: null,
    memoryLimit: null,
    ports: [PORT],
    layout: layoutOf(faces, UPSTREAM),
    network: { network: null, workloadName },
  };
}

interface Asked {
  readonly config: StaticConfig;
  /** Of its variables. */
  readonly keys: readonly string[];
}

/** Null = the image's own. A Deno program may use the network, read itself, its variables, and its storage. */
function commandOf(facts: Facts, { config, keys }: Asked): readonly string[] | null {
  const { mode, entry } = siteOf(facts);
  if (mode === 'static') return null;
  const stored = config.storageEnabled ? [STORAGE_PATH] : [];
  return [
    'deno',
    'run',
    '--no-prompt',
    '--allow-net',
    `--allow-read=${['/app', ...stored].join(',')}`,
    ...stored.map((path) => `--allow-write=${path}`),
    `--allow-env=${keys.join(',')}`,
    `/app/${entry}`,
  ];
}
