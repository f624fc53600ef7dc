import type { ProxyIo, Route } from '../../source.js';
import { OURS } from './merge.js';

type Json = Readonly<Record<string, unknown>>;

/** Certificates that faces bring along, and who issues the others. Nothing where no face has TLS. */
export function renderTls(routes: readonly Route[], io: ProxyIo): Json {
  const custom = certificates(routes, io);
  const auto = automatic(routes);
  if (custom.length === 0 && auto.length === 0) return {};
  const policy = { '@id': `${OURS}issuer`, subjects: auto, issuers: [issuer(io)] };
  return {
    tls: {
      ...(custom.length > 0 && { certificates: { load_pem: custom } }),
      ...(auto.length > 0 && { automation: { policies: [policy] } }),
    },
    // Asking the system to trust the local authority costs 650 ms at every change.
    ...(auto.length > 0 &&
      io.issuer === 'internal' && { pki: { certificate_authorities: { local: { install_trust: false } } } }),
  };
}

function certificates(routes: readonly Route[], io: ProxyIo): readonly Json[] {
  const found = new Map<string, Json>();
  for (const { host, tls } of routes) {
    if (tls?.mode !== 'custom' || found.has(host)) continue;
    const key = io.reveal(tls.key);
    if (key !== null) found.set(host, { '@id': `${OURS}certificate-${host}`, certificate: tls.chain, key });
  }
  return [...found.values()];
}

/** A host with a certificate of its own keeps it for all its paths. */
function automatic(routes: readonly Route[]): readonly string[] {
  const hostsOf = (mode: string) => routes.filter(({ tls }) => tls?.mode === mode).map(({ host }) => host);
  const custom = new Set(hostsOf('custom'));
  return [...new Set(hostsOf('auto'))].filter((host) => !custom.has(host)).sort();
}

function issuer({ issuer }: ProxyIo): Json {
  return issuer === 'internal' ? { module: 'internal' } : { module: 'acme', ca: issuer };
}
