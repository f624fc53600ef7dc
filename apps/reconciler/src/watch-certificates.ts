import { connect, type PeerCertificate } from 'node:tls';
import type { Logger } from '#runtime/logging';
import type { Store } from '#store/store';
import { startLoop } from './drift/loop.js';
import type { Work } from './lead.js';

export interface CertificatesDeps {
  readonly store: Store;
  readonly node: string;
  /** Where the proxy is asked; every address is loopback. */
  readonly bind: string;
  readonly logger: Logger;
}

const EVERY_MS = 10_000;
const ANSWER_MS = 5_000;
/** Hosts asked in one go, so many at a time. */
const MOST = 500;
const AT_ONCE = 8;
const ANY = ['0.0.0.0', '::', '[::]'];

/** Asks the proxy for the certificate of each host that serves with TLS, and stores what it shows. */
export function watchCertificates(deps: CertificatesDeps): Work {
  return startLoop({
    run: async () => {
      await lookAtCertificates(deps);
      return EVERY_MS;
    },
    retryMs: EVERY_MS,
    onError: (error) => deps.logger.warn({ err: error }, 'Certificates could not be looked at; it is tried again'),
  });
}

async function lookAtCertificates({ store, node, bind }: CertificatesDeps): Promise<void> {
  const due = await findDue(store, node);
  const address = ANY.includes(bind) ? '127.0.0.1' : bind;
  for (let at = 0; at < due.length; at += AT_ONCE) {
    const some = due.slice(at, at + AT_ONCE);
    const seen = await Promise.all(some.map(({ host, port }) => look({ address, port, host })));
    await write(store, node, seen);
  }
}

interface Due {
  readonly host: string;
  readonly port: number;
}

/** Those that are new or without one at each look, the others every ten minutes. */
async function findDue({ pool }: Store, node: string): Promise<readonly Due[]> {
  const { rows } = await pool.query<Due>({
    name: 'due-certificates',
    text: `select distinct face->>'host' as host, p.https_port as port
      from view.workload w join view.deployment c on c.id = w.current_deployment_id
        cross join jsonb_array_elements(c.release->'faces') face
        join state.proxy p on p.node = w.node
        left join state.certificate s on s.node = w.node and s.host = face->>'host'
      where w.node = $1 and w.lifecycle = 'present' and coalesce(face->>'tls', 'off') <> 'off'
        and (s.host is null or s.error is not null or s.seen_at < now() - interval '10 minutes')
      limit ${MOST}`,
    values: [node],
  });
  return rows;
}

interface Seen {
  readonly host: string;
  readonly issuer: string | null;
  readonly expiresAt: string | null;
  readonly error: string | null;
}

/** Whoever issued it: nothing is trusted here, it is only told. */
function look({ address, port, host }: { address: string; port: number; host: string }): Promise<Seen> {
  return new Promise((resolve) => {
    const socket = connect({ host: address, port, servername: host, rejectUnauthorized: false, timeout: ANSWER_MS });
    const end = (found: Omit<Seen, 'host'>) => {
      socket.destroy();
      resolve({ host, ...found });
    };
    const fail = (why: string) => {
      const error = `The proxy has no certificate for ${host} to show: ${why}. Does the name lead to this host, and is the issuer of the settings reachable?`;
      end({ issuer: null, expiresAt: null, error });
    };
    socket.once('secureConnect', () => {
      const certificate = socket.getPeerCertificate();
      const expiresAt = new Date(certificate.valid_to).toISOString();
      end({ issuer: issuerOf(certificate), expiresAt, error: null });
    });
    socket.once('timeout', () => fail('no answer'));
    socket.once('error', (error: NodeJS.ErrnoException) => fail(error.code ?? error.message));
  });
}

function issuerOf({ issuer }: PeerCertificate): string {
  const name = issuer?.O ?? issuer?.CN ?? 'unknown';
  return String(name).slice(0, 200);
}

async function write({ pool }: Store, node: string, seen: readonly Seen[]): Promise<void> {
  await pool.query(
    `insert into state.certificate (node, host, issuer, expires_at, error, seen_at)
      select $1, s.host, s.issuer, s."expiresAt", s.error, now()
      from jsonb_to_recordset($2::jsonb) as s(host text, issuer text, "expiresAt" timestamptz, error text)
      on conflict (node, host) do update
        set issuer = excluded.issuer, expires_at = excluded.expires_at, error = excluded.error, seen_at = excluded.seen_at`,
    [node, JSON.stringify(seen)],
  );
}
