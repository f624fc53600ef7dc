import { PRIVATE_RANGES } from '#domain/cidr';
import type { Face } from '#domain/face';
import type { SecretRef } from '#domain/secret-ref';

/** Who may come in at a face. */
export interface Access {
  /** Ranges of the addresses that may; null = everyone. Counted by the connection's own address, never by a header. */
  readonly ranges: readonly string[] | null;
  readonly login: { readonly user: string; readonly password: SecretRef } | null;
}

/** What a face's host is served with; `auto` = the proxy obtains a certificate by itself. */
export type Tls =
  { readonly mode: 'auto' } | { readonly mode: 'custom'; readonly chain: string; readonly key: SecretRef };

/** Undefined = everyone. */
export function accessOf({ exposure, allow, basicAuth }: Face): Access | undefined {
  if (exposure !== 'internal' && !basicAuth) return undefined;
  return { ranges: exposure === 'internal' ? (allow ?? PRIVATE_RANGES) : null, login: basicAuth ?? null };
}

/** Undefined = plain http. */
export function tlsOf({ tls, certificate }: Face): Tls | undefined {
  if (tls === 'auto') return { mode: 'auto' };
  return tls === 'custom' && certificate ? { mode: 'custom', ...certificate } : undefined;
}

/** Every secret that a proxy has to know to serve these faces. */
export function secretsOf(faces: readonly { readonly access?: Access; readonly tls?: Tls }[]): readonly SecretRef[] {
  return faces.flatMap(({ access, tls }) => [
    ...(access?.login ? [access.login.password] : []),
    ...(tls?.mode === 'custom' ? [tls.key] : []),
  ]);
}
