import { request } from 'node:https';
import { connect, type PeerCertificate } from 'node:tls';
import type { FaceAnswer } from './face-client.js';

export interface SecureRequest {
  readonly port: number;
  readonly host: string;
  readonly path?: string;
  /** PEM of the authority to trust; left out: whatever the host trusts, which is none of ours. */
  readonly ca?: string;
  readonly headers?: Readonly<Record<string, string>>;
}

/** One GET over https through the proxy of this host; rejects when the certificate does not hold. */
export function getSecureFace({ port, host, path = '/', ca, headers = {} }: SecureRequest): Promise<FaceAnswer> {
  return new Promise((resolve, reject) => {
    const to = {
      host: '127.0.0.1',
      servername: host,
      port,
      path,
      headers: { ...headers, host },
      agent: false,
    } as const;
    const outgoing = request({ ...to, ...(ca && { ca }) }, (answer) => {
      const chunks: Buffer[] = [];
      answer.on('data', (chunk: Buffer) => chunks.push(chunk));
      answer.on('error', reject);
      answer.on('end', () =>
        resolve({ status: answer.statusCode ?? 0, headers: answer.headers, body: Buffer.concat(chunks).toString() }),
      );
    });
    outgoing.on('error', reject);
    outgoing.end();
  });
}

/** What is shown for this name, trusted or not. */
export function peerCertificate(port: number, servername: string): Promise<PeerCertificate> {
  return new Promise((resolve, reject) => {
    const socket = connect({ host: '127.0.0.1', port, servername, rejectUnauthorized: false }, () => {
      resolve(socket.getPeerCertificate());
      socket.destroy();
    });
    socket.on('error', reject);
  });
}
