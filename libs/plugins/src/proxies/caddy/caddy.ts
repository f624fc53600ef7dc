import type { Proxy, ProxyIo, Route } from '../../source.js';
import { renderRoute } from './route.js';

type Json = Readonly<Record<string, unknown>>;

/** Our server's name among whatever else this Caddy serves. */
const SERVER = 'tinyforge';

/** A switch never comes here: routes follow the route files. Only faces and numbers of ports change this. */
export const caddy: Proxy = {
  kind: 'caddy',
  render: (routes, io) => ({ apps: { http: { servers: { [SERVER]: renderServer(routes, io) } } } }),
  async apply(doc, io) {
    const running = await io.admin('GET', '/config/');
    const wanted = merge(running, doc);
    if (canonical(running) === canonical(wanted)) return false;
    await io.admin('POST', '/load', wanted);
    return true;
  },
};

function renderServer(routes: readonly Route[], io: ProxyIo): Json {
  const host = io.bind.includes(':') ? `[${io.bind}]` : io.bind;
  return {
    listen: [`${host}:${io.httpPort}`],
    automatic_https: { disable: true },
    // Slow senders of headers must not pile up; bodies and answers may take as long as they like.
    read_header_timeout: '30s',
    routes: [
      ...[...routes].sort(mostSpecificFirst).map((route) => renderRoute(route, io.routesDirectory)),
      noSuchHost(),
    ],
  };
}

/** Caddy takes the first route that fits: the longest host, then the longest path. */
function mostSpecificFirst(a: Route, b: Route): number {
  return b.host.length - a.host.length || b.path.length - a.path.length || compare(a.host + a.path, b.host + b.path);
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

function noSuchHost(): Json {
  const problem = {
    type: 'about:blank',
    title: 'Not Found',
    status: 404,
    code: 'no-such-host',
    detail: 'No workload answers at this host and path: no such host. Add it as a face of one.',
  };
  const headers = { 'Content-Type': ['application/problem+json'] };
  return { handle: [{ handler: 'static_response', status_code: 404, headers, body: JSON.stringify(problem) }] };
}

/** Only our server is ours: the admin endpoint, logging and an operator's own servers stay as they run. */
function merge(running: unknown, doc: unknown): unknown {
  if (!isObject(running) || !isObject(doc)) return doc;
  const { [SERVER]: server, ...rest } = doc;
  const merged = Object.entries(rest).map(([key, value]) => [key, merge(running[key], value)]);
  return { ...running, ...Object.fromEntries(merged), ...(server === undefined ? {} : { [SERVER]: server }) };
}

function canonical(value: unknown): string {
  return JSON.stringify(value, (_key, inner: unknown) => {
    return isObject(inner) ? Object.fromEntries(Object.entries(inner).sort(([a], [b]) => compare(a, b))) : inner;
  });
}

function isObject(value: unknown): value is Json {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
