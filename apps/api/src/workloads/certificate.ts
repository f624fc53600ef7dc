import { createPrivateKey, X509Certificate, type KeyObject } from 'node:crypto';

export interface PemPair {
  readonly chain: string;
  readonly key: string;
}

/** What is wrong with it, under the field it is wrong in. */
export interface PemProblem {
  readonly field: 'chain' | 'key';
  readonly problem: string;
}

const BLOCK = /-----BEGIN CERTIFICATE-----[A-Za-z0-9+/=\s]+-----END CERTIFICATE-----/g;
const MOST_CERTIFICATES = 10;
const LEAST_RSA_BITS = 2048;

/** Certificates and key and nothing beside them, or what a proxy would stumble over: it loads all faces or none. */
export function checkPair(pair: PemPair, host: string, now: Date): PemPair | PemProblem {
  const blocks = pair.chain.match(BLOCK) ?? [];
  const certificates = blocks.map(parsed);
  const [leaf] = certificates;
  if (!leaf || certificates.includes(null))
    return wrong('chain', 'must hold certificates as PEM, that of the host first');
  if (blocks.length > MOST_CERTIFICATES) return wrong('chain', `must hold at most ${MOST_CERTIFICATES} certificates`);
  if (!leaf.checkHost(host)) return wrong('chain', `is not for ${host}`);
  if (new Date(leaf.validTo) <= now) return wrong('chain', `expired on ${leaf.validTo}`);
  const key = keyOf(pair.key);
  if (key === null) return wrong('key', 'must be a private key as PEM, without a passphrase');
  if (!isUsable(key))
    return wrong('key', `must be RSA of at least ${LEAST_RSA_BITS} bits, EC (P-256, P-384, P-521) or Ed25519`);
  if (!leaf.checkPrivateKey(key)) return wrong('key', 'does not belong to the certificate');
  return { chain: `${blocks.join('\n')}\n`, key: key.export({ type: 'pkcs8', format: 'pem' }) as string };
}

function parsed(pem: string): X509Certificate | null {
  try {
    return new X509Certificate(pem);
  } catch {
    return null;
  }
}

function keyOf(pem: string): KeyObject | null {
  try {
    return createPrivateKey(pem);
  } catch {
    return null;
  }
}

function isUsable({ asymmetricKeyType: type, asymmetricKeyDetails: details = {} }: KeyObject): boolean {
  if (type === 'rsa') return (details.modulusLength ?? 0) >= LEAST_RSA_BITS;
  if (type === 'ec') return ['prime256v1', 'secp384r1', 'secp521r1'].includes(details.namedCurve ?? '');
  return type === 'ed25519';
}

function wrong(field: PemProblem['field'], problem: string): PemProblem {
  return { field, problem };
}
