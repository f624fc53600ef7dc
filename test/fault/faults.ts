import type { Fault } from './fault.js';
import { deliveries } from './families/deliveries.js';
import { docker } from './families/docker.js';
import { drift } from './families/drift.js';
import { health } from './families/health.js';
import { hosts } from './families/hosts.js';
import { pauses } from './families/pauses.js';
import { postgres } from './families/postgres.js';
import { processes } from './families/processes.js';
import { proxy } from './families/proxy.js';
import { redis } from './families/redis.js';
import { registries } from './families/registry.js';
import { shutdowns } from './families/shutdown.js';
import { workerCrashes } from './families/worker-crash.js';

/** All that we know how to do to it. */
export const FAULTS: readonly Fault[] = [
  ...workerCrashes,
  ...pauses,
  ...shutdowns,
  ...processes,
  ...docker,
  ...postgres,
  ...redis,
  ...deliveries,
  ...health,
  ...registries,
  ...drift,
  ...proxy,
  ...hosts,
];
