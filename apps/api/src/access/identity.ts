import { createParamDecorator, type ExecutionContext } from '@nestjs/common';
import type { FastifyRequest } from 'fastify';
import { v7 as uuid } from 'uuid';
import type { Role } from '#domain/access';
import { Rejection } from '#domain/errors';

/** Who is asking. */
export interface Identity {
  /** Goes into the events: id of a person or token, or `system:admin-token`. */
  readonly actor: string;
  readonly kind: 'person' | 'token' | 'admin-token';
  readonly name: string;
  readonly role: Role;
  /** Null = every workload. */
  readonly workloadIds: readonly string[] | null;
}

const identities = new WeakMap<object, Identity>();

export function rememberIdentity(request: FastifyRequest, identity: Identity): void {
  identities.set(request, identity);
}

export function identityOf(request: FastifyRequest): Identity | null {
  return identities.get(request) ?? null;
}

/** The identity of the request, as a handler's parameter. Routes that need nobody have none. */
export const Who = createParamDecorator((_: unknown, context: ExecutionContext): Identity => {
  const identity = identityOf(context.switchToHttp().getRequest<FastifyRequest>());
  if (identity === null) throw new Rejection('unauthenticated', 'Sign in, or send a bearer token.');
  return identity;
});

/** Who does it, for a commit: each request is a chain of its own. */
export function causeOf(who: Identity): { actor: string; correlationId: string } {
  return { actor: who.actor, correlationId: uuid() };
}

/** A workload that one may not see is one that is not there. */
export function requireVisible(who: Identity, workloadId: string, what = 'workload'): void {
  if (who.workloadIds !== null && !who.workloadIds.includes(workloadId)) throw notFound(what);
}

export function notFound(what: string): Rejection {
  return new Rejection('not-found', `There is no such ${what}.`);
}
