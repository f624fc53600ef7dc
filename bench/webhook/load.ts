import { createHmac, randomUUID } from 'node:crypto';
import autocannon from 'autocannon';

const CONNECTIONS = 32;

export interface Target {
  readonly url: string;
  readonly path: string;
  readonly signingSecret: string;
}

export interface Loaded {
  readonly accepted: number;
  readonly perSecond: number;
  readonly p99Ms: number;
}

let sent = 0;

/** GitHub's package hooks, each another version under another delivery id. Any answer but 2xx fails the measurement. */
export async function load({ url, path, signingSecret }: Target, seconds: number): Promise<Loaded> {
  const setupRequest = (request: object) => {
    const body = packageHook((sent += 1));
    const headers = {
      'content-type': 'application/json',
      'x-github-event': 'package',
      'x-github-delivery': randomUUID(),
      'x-hub-signature-256': `sha256=${createHmac('sha256', signingSecret).update(body).digest('hex')}`,
    };
    return { ...request, headers, body };
  };
  const result = await autocannon({
    url,
    connections: CONNECTIONS,
    duration: seconds,
    requests: [{ method: 'POST', path, setupRequest }],
  });
  const failures = result.non2xx + result.errors + result.timeouts;
  if (failures > 0) throw new Error(`${failures} of ${failures + result['2xx']} requests to ${url} failed`);
  return { accepted: result['2xx'], perSecond: result['2xx'] / result.duration, p99Ms: result.latency.p99 };
}

function packageHook(number: number): string {
  const tag = `1.${number >> 10}.${number & 1023}`;
  const digest = `sha256:${number.toString(16).padStart(64, '0')}`;
  const version = {
    version: digest,
    container_metadata: { tag: { name: tag, digest } },
    package_url: `ghcr.io/acme/shop:${tag}`,
  };
  const owner = { login: 'acme' };
  return JSON.stringify({
    action: 'published',
    package: { name: 'shop', namespace: 'acme', package_type: 'CONTAINER', owner, package_version: version },
  });
}
