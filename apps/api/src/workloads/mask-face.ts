import type { Face } from '#domain/face';
import { masked } from '../records/masked.js';
import type { FaceView } from './face.dto.js';

/** A whole face, defaults filled in; what is secret in it reads `{ "$secret": "set" }`. */
export function maskFace(face: Face): FaceView {
  const { host, subdomain, path, port, exposure, allow, basicAuth, tls, certificate } = face;
  return {
    host,
    subdomain: subdomain ?? null,
    path,
    port,
    exposure: exposure ?? 'public',
    allow: allow ?? null,
    basicAuth: basicAuth ? { user: basicAuth.user, password: masked(basicAuth.password) } : null,
    tls: tls ?? 'off',
    certificate: certificate ? { chain: certificate.chain, key: masked(certificate.key) } : null,
  };
}
