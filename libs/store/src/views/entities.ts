import { Delivery, Verdict } from './delivery.entity.js';
import { Deployment, Step } from './deployment.entity.js';
import { Node } from './node.entity.js';
import { Observation, Removal } from './observation.entity.js';
import { Person, Registry, SettingsRow, Token } from './record.entity.js';
import { Binding, Trigger } from './trigger.entity.js';
import { Workload } from './workload.entity.js';

/** Every view that TypeORM reads. */
export const ENTITIES = [
  Workload,
  Trigger,
  Binding,
  Delivery,
  Verdict,
  Deployment,
  Step,
  Registry,
  Person,
  Token,
  SettingsRow,
  Observation,
  Removal,
  Node,
];
