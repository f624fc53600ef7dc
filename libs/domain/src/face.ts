import { canonicalCidr } from './cidr.js';
import { Rejection, type FieldError } from './errors.js';
import type { SecretRef } from './secret-ref.js';

export type Exposure = 'public' | 'internal';
export type TlsMode = 'off' | 'auto' | 'custom';

/**
 * Where a workload answers: host + path at the proxy, and the container port behind it (null = the source's own).
 * What is not asked for is left out, so that a face reads the same as one written before there was such a field.
 */
export interface Face {
  readonly host: string;
  readonly path: string;
  readonly port: number | null;
  /** The host is this, completed by the domain of the settings. */
  readonly subdomain?: string;
  /** Left out: public. */
  readonly exposure?: Exposure;
  /** Of an internal face: who may come in. Left out: loopback and private ranges. */
  readonly allow?: readonly string[];
  /** The secret is the password's bcrypt hash: nobody needs to read the password again. */
  readonly basicAuth?: { readonly user: string; readonly password: SecretRef };
  /** Left out: off. */
  readonly tls?: TlsMode;
  /** Of `custom`: PEM, the leaf first, and the secret that holds its key. */
  readonly certificate?: { readonly chain: string; readonly key: SecretRef };
}

const HOST = /^(?=.{1,253}$)([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)(\.[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)*$/;
/** No percent-encoding: a proxy compares decoded paths, so one path would have two spellings. No braces: placeholders. */
const PATH = /^\/[A-Za-z0-9\-._~!$&'()+,;=:@/]*$/;
/** Neither ":", which ends the user in a request, nor braces, which a proxy would read as a placeholder. */
const USER = /^[A-Za-z0-9._@+-]{1,64}$/;
const MOST_RANGES = 100;

/** One spelling for each face; throws `invalid-face` naming each bad field. */
export function normaliseFaces(faces: readonly Face[]): readonly Face[] {
  const wanted = faces.map(inOneSpelling);
  const errors = wanted.flatMap((face, index) => faceErrors(face, index));
  const keys = wanted.map((face) => face.host + face.path);
  keys.forEach((key, index) => {
    if (keys.indexOf(key) !== index) errors.push({ pointer: `/faces/${index}`, detail: `names ${key} a second time` });
  });
  errors.push(...certificateClashes(wanted));
  if (errors.length > 0) throw new Rejection('invalid-face', 'A face is not valid.', errors);
  return wanted;
}

/** Fields in a fixed order, defaults left out. */
function inOneSpelling(face: Face): Face {
  const { subdomain, exposure = 'public', allow, basicAuth, tls = 'off', certificate } = face;
  const ranges = [...new Set(allow?.map((range) => canonicalCidr(range) ?? range))];
  return {
    host: face.host.toLowerCase(),
    path: tidyPath(face.path),
    port: face.port,
    ...(subdomain !== undefined && { subdomain: subdomain.toLowerCase() }),
    ...(exposure !== 'public' && { exposure }),
    ...(ranges.length > 0 && { allow: ranges }),
    ...(basicAuth && { basicAuth: { user: basicAuth.user, password: basicAuth.password } }),
    ...(tls !== 'off' && { tls }),
    ...(certificate && { certificate: { chain: certificate.chain, key: certificate.key } }),
  };
}

function faceErrors(face: Face, index: number): FieldError[] {
  const wrong = (field: string, detail: string): FieldError => ({ pointer: `/faces/${index}/${field}`, detail });
  const errors: FieldError[] = [];
  if (!HOST.test(face.host))
    errors.push(
      wrong(face.subdomain === undefined ? 'host' : 'subdomain', 'must be a host name such as shop.example.org'),
    );
  if (!PATH.test(face.path) || face.path.includes('..') || face.path.split('/').includes('.'))
    errors.push(wrong('path', 'must start with "/" and hold plain URL path characters only'));
  return [...errors, ...accessErrors(face, wrong), ...tlsErrors(face, wrong)];
}

type Wrong = (field: string, detail: string) => FieldError;

function accessErrors({ exposure, allow = [], basicAuth }: Face, wrong: Wrong): FieldError[] {
  const errors: FieldError[] = [];
  if (allow.length > 0 && exposure !== 'internal')
    errors.push(wrong('allow', 'goes with exposure "internal" only: a public face lets everyone in'));
  if (allow.length > MOST_RANGES) errors.push(wrong('allow', `must hold at most ${MOST_RANGES} ranges`));
  allow.forEach((range, at) => {
    if (canonicalCidr(range) === null)
      errors.push(wrong(`allow/${at}`, 'must be a range such as 10.0.0.0/8 or 2001:db8::/32, or one address'));
  });
  if (basicAuth && !USER.test(basicAuth.user))
    errors.push(wrong('basicAuth/user', 'must be 1 to 64 of letters, digits and . _ @ + -'));
  return errors;
}

function tlsErrors({ tls = 'off', certificate }: Face, wrong: Wrong): FieldError[] {
  if (tls === 'custom' && !certificate)
    return [wrong('certificate', 'is required with tls "custom": { "chain", "key" }')];
  if (tls !== 'custom' && certificate) return [wrong('certificate', 'goes with tls "custom" only')];
  return [];
}

/** A handshake names a host and no path: which of two certificates it gets would be luck. */
function certificateClashes(faces: readonly Face[]): FieldError[] {
  return faces.flatMap(({ host, certificate }, index) => {
    const first = faces.find((other) => other.host === host && other.certificate);
    if (!certificate || first?.certificate?.chain === certificate.chain) return [];
    return [{ pointer: `/faces/${index}/certificate`, detail: `is not the one that ${host} has in another face` }];
  });
}

function tidyPath(path: string): string {
  const merged = path.replace(/\/{2,}/g, '/');
  return merged.length > 1 && merged.endsWith('/') ? merged.slice(0, -1) : merged;
}
