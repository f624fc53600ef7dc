import { domainToASCII } from 'node:url';
import bcrypt from 'bcryptjs';
import { Rejection, type FieldError } from '#domain/errors';
import { normaliseFaces, type Face } from '#domain/face';
import type { SecretRef } from '#domain/secret-ref';
import type { Secrets } from '#store/secrets';
import type { Statement } from '#store/statement';
import { isMasked, sealNext } from '../records/masked.js';
import { checkPair } from './certificate.js';
import type { FaceInput } from './face.dto.js';

export interface FaceContext {
  /** What secrets may be kept of: the faces as they are. */
  readonly before: readonly Face[];
  /** Of the settings. */
  readonly domain: string | null;
  readonly secrets: Secrets;
  /** TINYFORGE_PROXY. */
  readonly proxy: string;
  readonly now: Date;
}

/** Faces ready for a commit; the statements store their secrets. */
export interface SealedFaces {
  readonly faces: readonly Face[];
  readonly statements: readonly Statement[];
}

/** Rounds of bcrypt, 2^10: Caddy and Traefik ask for the same. */
const COST = 10;
/** bcrypt looks no further. */
const MOST_PASSWORD_BYTES = 72;
const UNSEALED: SecretRef = { secretId: '', version: 0, fingerprint: '' };

/** Throws `invalid-face` naming every bad field, or `no-domain` for a subdomain without a domain. */
export async function sealFaces(inputs: readonly FaceInput[], context: FaceContext): Promise<SealedFaces> {
  const drafts = inputs.map((input, index) => draft(input, index, context));
  // All that is cheap to check comes before the hashing, which costs time on purpose.
  const plain = normaliseFaces(drafts);
  const errors = inputs.flatMap((input, index) =>
    secretErrors(input, `/faces/${index}`, oldOf(plain[index]!, context)),
  );
  if (context.proxy === 'none') errors.push(...plain.flatMap(withoutProxy));
  refuse(errors);
  const sealed: { face: Face; statements: readonly Statement[] }[] = [];
  for (const [index, input] of inputs.entries()) sealed.push(await seal(plain[index]!, input, { ...context, index }));
  return { faces: sealed.map(({ face }) => face), statements: sealed.flatMap(({ statements }) => statements) };
}

/** For the commit that names a subdomain: the domain is still the one it was completed by. */
export function followDomain(workloadId: string | null, faces: readonly Face[]): readonly Statement[] {
  const follows = workloadId === null || faces.some(({ subdomain }) => subdomain !== undefined);
  return follows ? [{ text: 'select log.assert_domain($1)', values: [workloadId] }] : [];
}

function draft(input: FaceInput, index: number, { domain }: FaceContext): Face {
  const { path, port, exposure, allow, basicAuth, tls, certificate } = input;
  return {
    ...place(input, `/faces/${index}`, domain),
    path: path ?? '/',
    port,
    ...(exposure && { exposure }),
    ...(allow && { allow }),
    ...(basicAuth && { basicAuth: { user: basicAuth.user, password: UNSEALED } }),
    ...(tls && { tls }),
    ...(certificate && { certificate: { chain: certificate.chain, key: UNSEALED } }),
  };
}

/** A name that is not ASCII is kept as the browser sends it. */
function place(
  { host, subdomain }: FaceInput,
  pointer: string,
  domain: string | null,
): Pick<Face, 'host' | 'subdomain'> {
  if (subdomain == null) {
    if (host == null) refuse([{ pointer, detail: 'must have either host or subdomain' }]);
    return { host: ascii(host!) };
  }
  if (domain === null) {
    const text = 'A subdomain needs a domain. Set one in the settings, or name the whole host.';
    throw new Rejection('no-domain', text, [{ pointer: `${pointer}/subdomain`, detail: 'needs the setting "domain"' }]);
  }
  const label = ascii(subdomain);
  const whole = `${label}.${domain}`;
  if (host != null && ascii(host).toLowerCase() !== whole.toLowerCase())
    refuse([{ pointer, detail: `must have either host or subdomain: ${subdomain} is ${whole}` }]);
  return { host: whole, subdomain: label };
}

/** The conversion would drop line breaks and tabs: a name that holds one is left as it is, and refused. */
function ascii(name: string): string {
  const isForeign = /[^\x20-\x7e]/.test(name) && !/\p{Cc}/u.test(name);
  return (isForeign && domainToASCII(name)) || name;
}

function oldOf(face: Face, { before }: FaceContext): Face | undefined {
  return before.find(({ host, path }) => host === face.host && path === face.path);
}

function secretErrors({ basicAuth, certificate }: FaceInput, pointer: string, old: Face | undefined): FieldError[] {
  const errors: FieldError[] = [];
  const none = (field: string) => errors.push({ pointer: pointer + field, detail: 'has none to keep: send its value' });
  if (basicAuth && isKept(basicAuth.password) && !old?.basicAuth) none('/basicAuth/password');
  if (certificate && isKept(certificate.key) && !old?.certificate) none('/certificate/key');
  if (typeof basicAuth?.password === 'string' && Buffer.byteLength(basicAuth.password) > MOST_PASSWORD_BYTES)
    errors.push({ pointer: `${pointer}/basicAuth/password`, detail: `must be at most ${MOST_PASSWORD_BYTES} bytes` });
  return errors;
}

/** Without a proxy nobody would ask, and whoever reads the face would think that somebody does. */
function withoutProxy({ exposure, basicAuth, tls }: Face, index: number): FieldError[] {
  const asked = { exposure, basicAuth, tls };
  return Object.entries(asked)
    .filter(([, value]) => value !== undefined)
    .map(([field]) => ({ pointer: `/faces/${index}/${field}`, detail: 'needs a proxy, and TINYFORGE_PROXY is none' }));
}

type SealContext = FaceContext & { readonly index: number };

async function seal(
  face: Face,
  input: FaceInput,
  context: SealContext,
): Promise<{ face: Face; statements: readonly Statement[] }> {
  const old = oldOf(face, context);
  const statements: Statement[] = [];
  const store = (plain: string, before: SecretRef | null): SecretRef => {
    const { ref, statement } = sealNext(context.secrets, plain, before);
    statements.push(statement);
    return ref;
  };
  const password = input.basicAuth && (await sealPassword(input.basicAuth.password, old, { ...context, store }));
  const certificate = input.certificate && (await sealCertificate(face, input.certificate, { ...context, old, store }));
  return {
    face: {
      ...face,
      ...(face.basicAuth && password && { basicAuth: { user: face.basicAuth.user, password } }),
      ...(certificate && { certificate }),
    },
    statements,
  };
}

type Store = (plain: string, before: SecretRef | null) => SecretRef;

/** The same password again is no change. */
async function sealPassword(
  password: unknown,
  old: Face | undefined,
  { secrets, store }: SealContext & { store: Store },
): Promise<SecretRef> {
  const before = old?.basicAuth?.password ?? null;
  if (before !== null && isKept(password)) return before;
  const plain = String(password);
  if (before !== null && (await bcrypt.compare(plain, await secrets.open(before).catch(() => '')))) return before;
  return store(await bcrypt.hash(plain, COST), before);
}

async function sealCertificate(
  face: Face,
  { chain, key }: { chain: string; key?: unknown },
  context: SealContext & { old: Face | undefined; store: Store },
): Promise<NonNullable<Face['certificate']>> {
  const { secrets, now, index, store } = context;
  const before = context.old?.certificate;
  if (before && isKept(key) && before.chain === chain) return before;
  const known = before && (await secrets.open(before.key));
  const checked = checkPair({ chain, key: isKept(key) ? known! : String(key) }, face.host, now);
  if ('problem' in checked)
    throw invalidFace([{ pointer: `/faces/${index}/certificate/${checked.field}`, detail: checked.problem }]);
  const ref = before && checked.key === known ? before.key : store(checked.key, before?.key ?? null);
  return { chain: checked.chain, key: ref };
}

function isKept(value: unknown): boolean {
  return value === undefined || value === null || isMasked(value);
}

function refuse(errors: readonly FieldError[]): void {
  if (errors.length > 0) throw invalidFace(errors);
}

function invalidFace(errors: readonly FieldError[]): Rejection {
  return new Rejection('invalid-face', `A face is not valid: ${errors[0]!.pointer} ${errors[0]!.detail}.`, errors);
}
