import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { GitRepository } from './git-repository.js';
import { gitea, github, gitlab, type Wire } from './git-wires.js';

export interface GitHost {
  /** `http://127.0.0.1:port`: its pages, as a config names them. */
  readonly baseUrl: string;
  /** As `allowedProviderHosts` names them: the host, and the one that archives are on. */
  readonly hosts: readonly string[];
  /** What came in, the second host's too. */
  readonly requests: { readonly host: string; readonly url: string; readonly headers: IncomingMessage['headers'] }[];
  /** Answers the next requests in place of the server; false = not this one. Null = the server again. */
  intercept: ((request: IncomingMessage, response: ServerResponse) => boolean) | null;
  /** What a private repository is read with; null = it is public. */
  token: string | null;
  stop(): Promise<void>;
}

export const WIRES: Readonly<Record<string, Wire>> = { gitea, github, gitlab };

export interface HostedRepository {
  readonly provider: string;
  readonly owner: string;
  readonly name: string;
  readonly repository: GitRepository;
}

/** A Git server of that kind with one repository: its REST API as the vendor documents it, archives made by git. */
export async function startGitHost(hosted: HostedRepository): Promise<GitHost> {
  const host = { requests: [], intercept: null, token: null } as Partial<GitHost> as GitHost;
  const wire = WIRES[hosted.provider]!;
  const origins: string[] = [];
  const serve = (isArchives: boolean) => async (request: IncomingMessage, response: ServerResponse) => {
    const name = request.headers.host ?? '';
    host.requests.push({ host: name, url: request.url ?? '', headers: request.headers });
    if (host.intercept?.(request, response)) return;
    const url = new URL(request.url ?? '/', `http://${name}`);
    const asked = { ...hosted, url, headers: request.headers, token: host.token, archives: origins[1]! };
    const { status, headers = {}, body } = isArchives ? await wire.archives(asked) : await wire.api(asked);
    response.writeHead(status, headers).end(body);
  };
  const servers = [await listen(serve(false)), await listen(serve(true))];
  origins.push(...servers.map(originOf));
  return Object.assign(host, {
    baseUrl: origins[0]!,
    hosts: origins,
    stop: async () => {
      for (const server of servers) {
        server.closeAllConnections();
        server.close();
        await once(server, 'close');
      }
    },
  });
}

async function listen(serve: (request: IncomingMessage, response: ServerResponse) => Promise<void>): Promise<Server> {
  const server = createServer((request, response) => {
    serve(request, response).catch((error: unknown) => response.writeHead(500).end(String(error)));
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  return server;
}

function originOf(server: Server): string {
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}
