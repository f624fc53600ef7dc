import type { Access } from '../../routing/access.js';
import type { PortGroup, ProxyIo, Route } from '../../source.js';

type Json = Readonly<Record<string, unknown>>;
type Named = Readonly<Record<string, Json>>;

interface Face {
  readonly routers: Named;
  readonly services: Named;
  readonly middlewares: Named;
}

/** Dynamic configuration of one workload. A section that would be empty is left out: Traefik refuses it. */
export function renderWorkload(workloadId: string, routes: readonly Route[], io: ProxyIo): Json {
  const safe = routes.filter(({ host, path }) => !/[`{}\s]/.test(host + path));
  const faces = safe.map((route, index) => renderFace(`${workloadId}-${index}`, route, io));
  const section = (of: keyof Face): Json => {
    const all = Object.assign({}, ...faces.map((face) => face[of])) as Named;
    return Object.keys(all).length === 0 ? {} : { [of]: all };
  };
  const certificates = renderCertificates(safe, io);
  return {
    ...(faces.length > 0 && { http: { ...section('routers'), ...section('services'), ...section('middlewares') } }),
    ...(certificates.length > 0 && { tls: { certificates } }),
  };
}

function renderFace(name: string, route: Route, io: ProxyIo): Face {
  const group = groupNow(route);
  const { chain, middlewares } = renderAccess(name, group?.access ?? null, io);
  const rule = ruleOf(route);
  // Longest path first; hosts are compared whole, so they do not compete.
  const priority = 1_000 + route.path.length;
  const main = { rule, priority, service: name, ...(chain.length > 0 && { middlewares: chain }) };
  const services = { [name]: { loadBalancer: { servers: serversOf(route, group) } } };
  if (!route.tls) return { routers: { [name]: { ...main, entryPoints: ['web'] } }, services, middlewares };
  const tls = route.tls.mode === 'auto' ? { certResolver: 'tinyforge' } : {};
  const moved = `${name}-https`;
  const port = io.httpsPort === 443 ? {} : { port: String(io.httpsPort) };
  return {
    services,
    routers: {
      [name]: { ...main, entryPoints: ['websecure'], tls },
      [moved]: { rule, priority, entryPoints: ['web'], service: 'noop@internal', middlewares: [moved] },
    },
    middlewares: { ...middlewares, [moved]: { redirectScheme: { scheme: 'https', permanent: true, ...port } } },
  };
}

/** PathPrefix alone would take /apix for /api. */
function ruleOf({ host, path }: Route): string {
  const where = path === '/' ? '' : ` && (Path(\`${path}\`) || PathPrefix(\`${path}/\`))`;
  return `Host(\`${host}\`)${where}`;
}

/** What the route file says now, of the shapes that it may have. */
function groupNow({ groups, file }: Route): PortGroup | undefined {
  const total = portsIn(file).length;
  return total === 0 ? undefined : groups.find((group) => (group.file ?? file) === file && group.total === total);
}

function serversOf({ file }: Route, group: PortGroup | undefined): readonly Json[] {
  const ports = group ? portsIn(file).slice(group.first, group.first + group.count) : [];
  return ports.map((port) => ({ url: `http://127.0.0.1:${port}` }));
}

function portsIn(file: string | null | undefined): readonly string[] {
  return file?.split('-').slice(1) ?? [];
}

/** Addresses first, then the login. A password that cannot be opened lets nobody in. */
function renderAccess(name: string, access: Access | null, io: ProxyIo): { chain: string[]; middlewares: Named } {
  const middlewares: Record<string, Json> = {};
  if (access?.ranges) middlewares[`${name}-from`] = { ipAllowList: { sourceRange: access.ranges } };
  if (access?.login) {
    const hash = io.reveal(access.login.password);
    // 2y and 2b are one algorithm, and Traefik goes by the former's name. No password fits a star.
    const users = [`${access.login.user}:${hash?.replace(/^\$2[ab]\$/, '$2y$') ?? '*'}`];
    middlewares[`${name}-login`] = { basicAuth: { users, realm: 'restricted' } };
  }
  return { chain: Object.keys(middlewares), middlewares };
}

function renderCertificates(routes: readonly Route[], io: ProxyIo): readonly Json[] {
  const found = new Map<string, Json>();
  for (const { tls } of routes) {
    if (tls?.mode !== 'custom') continue;
    const key = io.reveal(tls.key);
    if (key !== null) found.set(tls.chain, { certFile: tls.chain, keyFile: key });
  }
  return [...found.values()];
}
