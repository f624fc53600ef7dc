import { applyDecorators, SetMetadata } from '@nestjs/common';
import { ApiExtension } from '@nestjs/swagger';
import type { Role } from '#domain/access';

export const NEEDS = 'tinyforge:needs';

/**
 * `workload`: the handler itself keeps to what the caller may see. `instance`: only who may see every workload.
 * `self`: about the caller alone.
 */
export type Scope = 'workload' | 'instance' | 'self';
export interface Policy {
  readonly role: Role | 'nobody';
  readonly scope: Scope;
}

/** The policy of a route. Every route has one: the guard refuses a route without. */
export function Needs(role: Policy['role'], scope: Scope = 'instance') {
  const policy: Policy = { role, scope };
  return applyDecorators(SetMetadata(NEEDS, policy), ApiExtension('x-needs', role));
}
