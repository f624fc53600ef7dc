import { request } from 'node:http';
import { join } from 'node:path';
import Dockerode from 'dockerode';
import { optionsOf } from '#docker/container-shape';
import { LABELS, NETWORK } from '#domain/naming';
import { freePort, startCaddy } from '../../test/support/caddy.js';
import { instant } from '../rounds.js';
import { servedAt } from './serving.js';

const HOST = 'raw.test';

export interface RawRun {
  readonly ms: number;
  readonly createMs: number;
  readonly startMs: number;
  readonly patchMs: number;
}

/** The same container by hand: create, start, and a PATCH of the upstream in a Caddy that serves nothing else. */
export async function openRaw(dockerHost: string) {
  const docker = new Dockerode({ socketPath: dockerHost.replace('unix://', '') });
  const caddy = await startCaddy();
  await caddy.io.admin('POST', '/load', {
    ...((await caddy.io.admin('GET', '/config/')) as object),
    ...proxying(caddy.io.httpPort),
  });
  let old: Dockerode.Container | null = null;
  return {
    async run(image: string, text: string): Promise<RawRun> {
      const port = await freePort();
      const from = instant();
      const served = servedAt({ port: caddy.io.httpPort, host: HOST, text });
      const container = await docker.createContainer({
        name: `tf-bench-${port}-${Math.trunc(from)}`,
        ...optionsOf(specOf(image, port)),
      });
      const created = instant();
      await container.start();
      const started = instant();
      await patch(join(caddy.directory, 'admin.sock'), [{ dial: `127.0.0.1:${port}` }]);
      const patched = instant();
      const ms = (await served) - from;
      await old?.remove({ force: true });
      old = container;
      return { ms, createMs: created - from, startMs: started - created, patchMs: patched - started };
    },
    async stop(): Promise<void> {
      await old?.remove({ force: true });
      await caddy.stop();
    },
  };
}

/** As a source would ask for it, so that Docker has the same to do; without our labels it is nobody's to tidy. */
function specOf(image: string, port: number) {
  const rest = { env: {}, command: null, cpuLimit: null, memoryLimit: null, restart: 'unless-stopped' as const };
  return {
    name: '',
    image,
    labels: { [`${LABELS.kind}.bench`]: 'raw' },
    network: NETWORK,
    ports: [{ container: 8080, host: port }],
    ...rest,
  };
}

function proxying(port: number): object {
  const proxy = { '@id': 'raw', handler: 'reverse_proxy', upstreams: [{ dial: '127.0.0.1:1' }] };
  const server = {
    listen: [`127.0.0.1:${port}`],
    automatic_https: { disable: true },
    routes: [{ match: [{ host: [HOST] }], handle: [proxy] }],
  };
  return { apps: { http: { servers: { raw: server } } } };
}

function patch(socketPath: string, upstreams: object): Promise<void> {
  const body = JSON.stringify(upstreams);
  // On a unix socket Caddy takes an empty Host alone, which Node sends from a list of headers only.
  const headers = ['Host', '', 'Content-Type', 'application/json', 'Content-Length', String(Buffer.byteLength(body))];
  return new Promise((resolve, reject) => {
    const call = request(
      { socketPath, method: 'PATCH', path: '/id/raw/upstreams', headers, setHost: false },
      (answer) => {
        answer.resume();
        answer.on('end', () =>
          answer.statusCode === 200 ? resolve() : reject(new Error(`caddy answered ${answer.statusCode}`)),
        );
      },
    );
    call.on('error', reject);
    call.end(body);
  });
}
