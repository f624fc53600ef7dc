import type { Proxy, ProxyIo, Route } from '../../source.js';
import { canonical, merge, withoutOurs } from './merge.js';
import { renderServers } from './servers.js';
import { renderTls } from './tls.js';

/** A switch never comes here: routes follow the route files. Only faces and numbers of ports change this. */
export const caddy: Proxy = {
  kind: 'caddy',
  followsFiles: true,
  render(routes, io) {
    const wanted = routes.filter(isPlain).sort(mostSpecificFirst);
    return { apps: { http: { servers: renderServers(wanted, io) }, ...renderTls(wanted, io) } };
  },
  async apply(doc, io: ProxyIo) {
    const running = await io.admin('GET', '/config/');
    const wanted = merge(withoutOurs(running), doc);
    if (canonical(running) === canonical(wanted)) return false;
    await io.admin('POST', '/load', wanted);
    return true;
  },
};

/**
 * Caddy fills in placeholders wherever it compares or sends a string, `{env.…}` among them. No face that was accepted
 * holds a brace; one that does all the same serves nothing.
 */
function isPlain({ host, path, groups }: Route): boolean {
  const users = groups.map(({ access }) => access?.login?.user ?? '');
  return [host, path, ...users].every((text) => !/[{}\s]/.test(text));
}

/** Caddy takes the first route that fits: the longest host, then the longest path. */
function mostSpecificFirst(a: Route, b: Route): number {
  return b.host.length - a.host.length || b.path.length - a.path.length || compare(a.host + a.path, b.host + b.path);
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
