import type { Access } from '../../routing/access.js';
import type { PortGroup, ProxyIo, Route } from '../../source.js';
import { guarded } from './access.js';

type Json = Readonly<Record<string, unknown>>;

/**
 * One face. The file matcher finds the workload's route file, `map` cuts the face's ports out of its name, and the
 * proxy dials those: a rename of the file moves the next request, without a change here.
 */
export function renderRoute(route: Route, io: ProxyIo): Json {
  const upstreams = Math.max(0, ...route.groups.map(({ count }) => count));
  const routes = upstreams === 0 ? [noInstance()] : [serve(route, io, upstreams), noInstance()];
  return { match: [matchFace(route)], terminal: true, handle: [{ handler: 'subroute', routes }] };
}

/** By expression: Caddy's own path matcher knows no case, and takes a star for a wildcard. */
export function matchFace({ host, path }: Route): Json {
  return path === '/' ? { host: [host] } : { host: [host], path_regexp: { pattern: `^${quote(path)}(/|$)` } };
}

/** A rename between Caddy's look into the directory and its look at the file hides both names: so it looks again. */
const LOOKS = 3;

function serve(route: Route, io: ProxyIo, upstreams: number): Json {
  const tryFiles = Array.from({ length: LOOKS }, () => `/${route.workloadId}/*-*`);
  const names = Array.from({ length: upstreams }, (_, index) => `{up${index + 1}}`);
  const rules = rulesOf(route);
  const ruled = rules.length > 1;
  const mappings = route.groups.map((group) => {
    const { input_regexp, outputs } = renderMapping(route, group, upstreams);
    return { input_regexp, outputs: ruled ? [...outputs, String(rules.indexOf(ruleOf(group)))] : outputs };
  });
  const destinations = ruled ? [...names, RULE] : names;
  const file = { root: io.routesDirectory, try_files: tryFiles };
  const map = { handler: 'map', source: '{http.matchers.file.relative}', destinations, mappings };
  const routes = rules.map((rule, index) => ({
    match: [ruled ? { ...isMapped, vars: { [RULE]: [String(index)] } } : isMapped],
    terminal: true,
    handle: guarded(JSON.parse(rule) as Access | null, forward(names), io),
  }));
  return {
    match: [{ file }],
    handle: [
      { ...map, defaults: destinations.map(() => '') },
      { handler: 'subroute', routes },
    ],
  };
}

/** Which of the face's rules hold for the file that serves: they change with the switch, not before. */
const RULE = '{rule}';

function rulesOf({ groups }: Route): readonly string[] {
  const used = groups.filter(({ count }) => count > 0).map(ruleOf);
  return [...new Set(used)];
}

function ruleOf({ access }: PortGroup): string {
  return JSON.stringify(access ?? null);
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
function renderMapping(
  route: Route,
  { total, first, count, file }: PortGroup,
  upstreams: number,
): { input_regexp: string; outputs: readonly string[] } {
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
