import type { PortGroup, Route } from '../../source.js';

type Json = Readonly<Record<string, unknown>>;

/**
 * One face. The file matcher finds the workload's route file, `map` cuts the face's ports out of its name, and the
 * proxy dials those: a rename of the file moves the next request, without a change here.
 */
export function renderRoute(route: Route, routesDirectory: string): Json {
  const upstreams = Math.max(0, ...route.groups.map(({ count }) => count));
  const routes = upstreams === 0 ? [noInstance()] : [serve(route, routesDirectory, upstreams), noInstance()];
  return { match: [matchFace(route)], terminal: true, handle: [{ handler: 'subroute', routes }] };
}

function matchFace({ host, path }: Route): Json {
  if (path === '/') return { host: [host] };
  // A star is a wildcard to Caddy and a plain character to us.
  if (path.includes('*')) return { host: [host], path_regexp: { pattern: `^${quote(path)}(/|$)` } };
  return { host: [host], path: [path, `${path}/*`] };
}

/** A rename between Caddy's look into the directory and its look at the file hides both names: so it looks again. */
const LOOKS = 3;

function serve(route: Route, routesDirectory: string, upstreams: number): Json {
  const tryFiles = Array.from({ length: LOOKS }, () => `/${route.workloadId}/*-*`);
  const names = Array.from({ length: upstreams }, (_, index) => `{up${index + 1}}`);
  const mappings = route.groups.map((group) => renderMapping(route, group, upstreams));
  return {
    match: [{ file: { root: routesDirectory, try_files: tryFiles } }],
    handle: [
      {
        handler: 'map',
        source: '{http.matchers.file.relative}',
        destinations: names,
        mappings,
        defaults: names.map(() => ''),
      },
      { handler: 'subroute', routes: [{ match: [isMapped], terminal: true, handle: [forward(names)] }] },
    ],
  };
}

/** A file with a number of ports that this face knows nothing of leads to 503 like none at all. */
const isMapped = { not: [{ vars: { '{up1}': [''] } }] };

function forward(names: readonly string[]): Json {
  return {
    handler: 'reverse_proxy',
    load_balancing: { selection_policy: { policy: 'round_robin' } },
    upstreams: names.map((dial) => ({ dial })),
  };
}

/** Takes the group's ports out of the file's name; fewer of them than upstreams are repeated. */
function renderMapping(route: Route, { total, first, count, file }: PortGroup, upstreams: number): Json {
  const turn = (index: number): number => (index % count) + 1;
  const outputs = Array.from({ length: upstreams }, (_, index) => (count === 0 ? '' : `127.0.0.1:\${${turn(index)}}`));
  const before = `(?:-[0-9]+){${first}}`;
  const after = `(?:-[0-9]+){${total - first - count}}`;
  const name = file === null ? `[0-9]+${before}${'-([0-9]+)'.repeat(count)}${after}` : boundName(file, first, count);
  return { input_regexp: `/${file === null ? '' : `${route.workloadId}/`}${name}$`, outputs };
}

/** The same for one known name. */
function boundName(file: string, first: number, count: number): string {
  const [epoch, ...ports] = file.split('-');
  return [epoch, ...ports.map((port, index) => (index >= first && index < first + count ? `(${port})` : port))].join(
    '-',
  );
}

function noInstance(): Json {
  const problem = {
    type: 'about:blank',
    title: 'Service Unavailable',
    status: 503,
    code: 'no-instance',
    detail: 'No instance of this workload serves yet. Try again in a moment.',
  };
  const headers = { 'Content-Type': ['application/problem+json'], 'Retry-After': ['2'] };
  return { handle: [{ handler: 'static_response', status_code: 503, headers, body: JSON.stringify(problem) }] };
}

function quote(text: string): string {
  return text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
}
