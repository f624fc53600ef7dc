import type { Trigger } from '../trigger.js';
import { git } from './git/git.js';
import { manual } from './manual/manual.js';
import { registry } from './registry/registry.js';
import { schedule } from './schedule/schedule.js';

/** In the order in which they are offered. */
export const TRIGGERS: readonly Trigger[] = [registry, git, schedule, manual];
