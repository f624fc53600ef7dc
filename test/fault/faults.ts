import type { Fault } from './fault.js';
import { deliveries } from './families/deliveries.js';
import { docker } from './families/docker.js';
import { health } from './families/health.js';
import { pauses } from './families/pauses.js';
import { postgres } from './families/postgres.js';
import { processes } from './families/processes.js';
import { redis } from './families/redis.js';
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
];
