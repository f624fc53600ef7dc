import { EVENT_TYPES, workloadIdsOf } from '#domain/event-types';
import type { Model } from './model.js';
import { project } from './views/project.js';

/** What the log has to know about this release's events. */
export const DOMAIN_MODEL: Model = {
  project,
  workloadIdsOf,
  eventTypes: new Map(Object.keys(EVENT_TYPES).map((type) => [type, 1])),
};
