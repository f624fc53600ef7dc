import { Injectable, type CanActivate, type ExecutionContext } from '@nestjs/common';
import { Reflector } from '@nestjs/core';
import type { FastifyRequest } from 'fastify';
import { isAtLeast } from '#domain/access';
import { Rejection } from '#domain/errors';
import { Authenticate } from './authenticate.js';
import { rememberIdentity, type Identity } from './identity.js';
import { NEEDS, type Policy } from './needs.js';

/** Holds every route to its policy; a route without one is shut. */
@Injectable()
export class AccessGuard implements CanActivate {
  constructor(
    private readonly reflector: Reflector,
    private readonly authenticate: Authenticate,
  ) {}

  async canActivate(context: ExecutionContext): Promise<boolean> {
    const policy = this.reflector.get<Policy | undefined>(NEEDS, context.getHandler());
    if (policy === undefined) throw new Rejection('forbidden', 'This route has no policy, so nobody may use it.');
    if (policy.role === 'nobody') return true;
    const request = context.switchToHttp().getRequest<FastifyRequest>();
    const identity = await this.authenticate.identify(request);
    refuse(policy, identity);
    rememberIdentity(request, identity);
    return true;
  }
}

function refuse(policy: Policy, identity: Identity): void {
  if (policy.role !== 'nobody' && !isAtLeast(identity.role, policy.role)) {
    throw new Rejection('role-too-low', `This needs the role ${policy.role}; yours is ${identity.role}.`);
  }
  if (policy.scope === 'instance' && identity.workloadIds !== null) {
    throw new Rejection('forbidden', 'This concerns the whole instance; your token is for some workloads only.');
  }
}
