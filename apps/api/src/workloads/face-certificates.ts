import type { DataSource } from 'typeorm';
import type { Face } from '#domain/face';
import type { Workload } from '#store/views/workload.entity';
import type { SeenCertificate } from './face.dto.js';

type CertificateOf = (row: Workload, face: Face) => SeenCertificate | null;

/** What the proxies of their nodes show for faces with TLS, as it was seen last. */
export async function faceCertificates(reads: DataSource, rows: readonly Workload[]): Promise<CertificateOf> {
  const hosts = rows.flatMap(({ faces }) => faces.filter(({ tls }) => tls !== undefined).map(({ host }) => host));
  if (hosts.length === 0) return () => null;
  const found: (SeenCertificate & { node: string; host: string })[] = await reads.query(
    `select node, host, issuer, expires_at as "expiresAt", error, seen_at as "seenAt" from state.certificate where host = any($1)`,
    [hosts],
  );
  return ({ node }, { host, tls }) => {
    const seen = tls === undefined ? undefined : found.find((each) => each.node === node && each.host === host);
    if (seen === undefined) return null;
    const { issuer, expiresAt, error, seenAt } = seen;
    return { issuer, expiresAt, error, seenAt };
  };
}
