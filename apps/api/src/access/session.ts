import type { Statement } from '#store/statement';
import { SESSION_SECONDS } from './cookie.js';
import { hashOf, newSecret } from './secret-hash.js';

/** A session for a person; the secret goes into the cookie, its hash into the table. */
export function newSession(personId: string): { secret: string; statement: Statement } {
  const secret = newSecret();
  const statement = {
    text: `insert into state.session (hash, person_id, expires_at) values ($1, $2, now() + $3 * interval '1 second')`,
    values: [hashOf(secret), personId, SESSION_SECONDS],
  };
  return { secret, statement };
}
