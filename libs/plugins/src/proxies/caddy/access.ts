import type { Access } from '../../routing/access.js';
import type { ProxyIo } from '../../source.js';

type Json = Readonly<Record<string, unknown>>;

/** The handler behind the rules of a face: address first, then name and password. */
export function guarded(access: Access | null, handler: Json, io: ProxyIo): readonly Json[] {
  if (access === null) return [handler];
  const { ranges, login } = access;
  const hash = login && io.reveal(login.password);
  const routes = [
    ...(ranges ? [deny(ranges)] : []),
    ...(login ? [hash === null ? shut() : ask(login.user, hash)] : []),
    { handle: [handler] },
  ];
  return [{ handler: 'subroute', routes }];
}

/** The connection's own address: whoever sends `X-Forwarded-For` may write into it what they like. */
function deny(ranges: readonly string[]): Json {
  const answer = problem({ status: 403, title: 'Forbidden', code: 'address-refused' }, DENIED);
  return { match: [{ not: [{ remote_ip: { ranges } }] }], terminal: true, handle: [answer] };
}

function ask(user: string, hash: string): Json {
  const provider = {
    accounts: [{ username: user, password: btoa(hash) }],
    hash: { algorithm: 'bcrypt' },
    // Else each request costs the tens of milliseconds that bcrypt takes on purpose.
    hash_cache: {},
    realm: 'restricted',
  };
  return { handle: [{ handler: 'authentication', providers: { http_basic: provider } }] };
}

/** The password cannot be opened: nobody comes in, rather than everybody. */
function shut(): Json {
  return { terminal: true, handle: [problem({ status: 503, title: 'Service Unavailable', code: 'face-shut' }, SHUT)] };
}

const DENIED = 'This face is internal, and your address is none of those that may come in.';
const SHUT = 'The password of this face cannot be opened. Its operator has to set it again.';

function problem({ status, ...rest }: { status: number; title: string; code: string }, detail: string): Json {
  const body = JSON.stringify({ type: 'about:blank', status, ...rest, detail });
  const headers = { 'Content-Type': ['application/problem+json'] };
  return { handler: 'static_response', status_code: status, headers, body };
}
