import { readFileSync } from 'node:fs';
import { join } from 'node:path';

/** Where Caddy is to listen and keep its files. */
export interface CaddyPlace {
  /** `<data>/caddy`. */
  readonly folder: string;
  readonly socket: string;
  readonly bind: string;
  readonly httpPort: number;
  readonly httpsPort: number;
}

interface SavedConfig {
  readonly admin?: { readonly listen?: string };
  readonly apps?: { readonly http?: { readonly http_port?: number; readonly https_port?: number } };
}

/** Answers 503 to everyone until the keeper has given it routes; its server has the keeper's name, so that it is replaced, not doubled. */
export function initialConfig({ folder, socket, bind, httpPort, httpsPort }: CaddyPlace): object {
  const starting = {
    handler: 'static_response',
    status_code: 503,
    headers: { 'Retry-After': ['2'] },
    body: 'The routes are not there yet.\n',
  };
  const server = {
    listen: [`${bind.includes(':') ? `[${bind}]` : bind}:${httpPort}`],
    automatic_https: { disable: true },
    routes: [{ handle: [starting] }],
  };
  return {
    admin: { listen: `unix/${socket}` },
    logging: { logs: { default: { level: 'WARN' } } },
    storage: { module: 'file_system', root: join(folder, 'storage') },
    apps: {
      http: { http_port: httpPort, https_port: httpsPort, servers: { tinyforge: server } },
      // Asking the system to trust the local authority costs 650 ms at every change.
      pki: { certificate_authorities: { local: { install_trust: false } } },
    },
  };
}

/** What ran last, when it would listen where this one is to: with it the apps serve before the platform is up. */
export function savedConfig(place: CaddyPlace): object | null {
  const saved = read(savedConfigPath(place.folder));
  const http = saved?.apps?.http;
  const fits =
    saved?.admin?.listen === `unix/${place.socket}` &&
    http?.http_port === place.httpPort &&
    http.https_port === place.httpsPort;
  return fits ? saved : null;
}

/** Ports of the last run: what was chosen for 0 stays the same. */
export function savedPorts(folder: string): { readonly httpPort: number | null; readonly httpsPort: number | null } {
  const http = read(savedConfigPath(folder))?.apps?.http;
  return { httpPort: http?.http_port ?? null, httpsPort: http?.https_port ?? null };
}

/** Caddy writes it after every change, under XDG_CONFIG_HOME. */
function savedConfigPath(folder: string): string {
  return join(folder, 'config', 'caddy', 'autosave.json');
}

function read(path: string): SavedConfig | null {
  try {
    return JSON.parse(readFileSync(path, 'utf8')) as SavedConfig;
  } catch {
    return null;
  }
}
