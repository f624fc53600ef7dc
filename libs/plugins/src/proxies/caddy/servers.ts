import type { ProxyIo, Route } from '../../source.js';
import { SERVER, TLS_SERVER } from './merge.js';
import { matchFace, renderRoute } from './route.js';

type Json = Readonly<Record<string, unknown>>;

/** One for http, and one for https where a face asks for it; on the first its faces lead to the second. */
export function renderServers(routes: readonly Route[], io: ProxyIo): Json {
  const secure = routes.filter(({ tls }) => tls !== undefined);
  const http = routes.map((route) => (route.tls ? redirect(route, io) : renderRoute(route, io)));
  return {
    [SERVER]: { ...server(io, io.httpPort, http), automatic_https: { disable: true } },
    ...(secure.length > 0 && { [TLS_SERVER]: tlsServer(secure, io) }),
  };
}

function server({ bind }: ProxyIo, port: number, routes: readonly Json[]): Json {
  return {
    listen: [`${bind.includes(':') ? `[${bind}]` : bind}:${port}`],
    // Slow senders of headers must not pile up; bodies and answers may take as long as they like.
    read_header_timeout: '30s',
    routes: [...routes, noSuchHost()],
  };
}

/** Certificates for the hosts of its routes are obtained by Caddy itself, but for those that bring their own. */
function tlsServer(secure: readonly Route[], io: ProxyIo): Json {
  const routes = secure.map((route) => renderRoute(route, io));
  const custom = secure.filter(({ tls }) => tls?.mode === 'custom').map(({ host }) => host);
  return {
    ...server(io, io.httpsPort, routes),
    // No HTTP/3: it would announce this port, which may not be the one that the world sees.
    protocols: ['h1', 'h2'],
    tls_connection_policies: [{}],
    automatic_https: { disable_redirects: true, skip_certificates: [...new Set(custom)].sort() },
  };
}

/** Our own spelling of the host, never the one that was asked for. */
function redirect(route: Route, { httpsPort }: ProxyIo): Json {
  const port = httpsPort === 443 ? '' : `:${httpsPort}`;
  const headers = { Location: [`https://${route.host}${port}{http.request.uri}`] };
  const handle = [{ handler: 'static_response', status_code: 308, headers }];
  return { match: [matchFace(route)], terminal: true, handle };
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
