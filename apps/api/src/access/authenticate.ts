import { Inject, Injectable } from '@nestjs/common';
import type { FastifyRequest } from 'fastify';
import type { DataSource } from 'typeorm';
import type { Role } from '#domain/access';
import { Rejection } from '#domain/errors';
import type { Config } from '#runtime/config';
import { CONFIG, READS } from '../dependencies.js';
import { readCookie, requireOwnOrigin } from './cookie.js';
import type { Identity } from './identity.js';
import { hashOf, isSameSecret, TOKEN_PREFIX } from './secret-hash.js';

const SAFE_METHODS = new Set(['GET', 'HEAD', 'OPTIONS']);

/** Finds out who sends a request, by bearer token or by session cookie. */
@Injectable()
export class Authenticate {
  constructor(
    @Inject(READS) private readonly reads: DataSource,
    @Inject(CONFIG) private readonly config: Config,
  ) {}

  /** Throws `unauthenticated` (401), or `origin-refused` (403) for a write by cookie from elsewhere. */
  async identify(request: FastifyRequest): Promise<Identity> {
    const { authorization } = request.headers;
    if (authorization !== undefined) return known(await this.#bearer(authorization));
    const secret = readCookie(request, this.config);
    if (secret === null) throw new Rejection('unauthenticated', 'Sign in, or send a bearer token.');
    if (!SAFE_METHODS.has(request.method)) requireOwnOrigin(request, this.config);
    return known((await this.byToken(secret)) ?? (await this.#bySession(secret)));
  }

  /** The identity behind a token; null when it is unknown, expired or revoked. */
  async byToken(token: string): Promise<Identity | null> {
    const { adminToken } = this.config;
    if (adminToken !== null && isSameSecret(token, adminToken)) {
      return {
        actor: 'system:admin-token',
        kind: 'admin-token',
        name: 'admin token',
        role: 'admin',
        workloadIds: null,
      };
    }
    if (!token.startsWith(TOKEN_PREFIX)) return null;
    const rows: TokenRow[] = await this.reads.query(
      `select id, name, role, workload_ids from view.token
        where hash = $1 and revoked_at is null and (expires_at is null or expires_at > now())`,
      [hashOf(token)],
    );
    const row = rows[0];
    return row ? { actor: row.id, kind: 'token', name: row.name, role: row.role, workloadIds: row.workload_ids } : null;
  }

  async #bearer(authorization: string): Promise<Identity | null> {
    const token = /^Bearer +(\S+) *$/i.exec(authorization)?.[1];
    return token === undefined ? null : this.byToken(token);
  }

  async #bySession(secret: string): Promise<Identity | null> {
    const rows: PersonRow[] = await this.reads.query(
      `select p.id, p.role, c.name from state.session s
        join view.person p on p.id = s.person_id join state.credential c on c.person_id = p.id
        where s.hash = $1 and s.expires_at > now()`,
      [hashOf(secret)],
    );
    const row = rows[0];
    return row ? { actor: row.id, kind: 'person', name: row.name, role: row.role, workloadIds: null } : null;
  }
}

interface TokenRow {
  readonly id: string;
  readonly name: string;
  readonly role: Role;
  readonly workload_ids: string[] | null;
}
interface PersonRow {
  readonly id: string;
  readonly role: Role;
  readonly name: string;
}

function known(identity: Identity | null): Identity {
  if (identity !== null) return identity;
  throw new Rejection('unauthenticated', 'The token or session is unknown, expired or revoked. Sign in again.');
}
