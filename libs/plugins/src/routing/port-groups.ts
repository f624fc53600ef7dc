import { createHash } from 'node:crypto';
import type { Face, PortGroup, Route, Upstream } from '../source.js';
import { accessOf, tlsOf } from './access.js';

/** A face with its container port filled in. */
export interface RoutedFace extends Face {
  readonly port: number;
}

/** What a release puts behind its faces: all that keeper and worker have to agree on. */
export interface RouteLayout {
  /** By host, then path. */
  readonly faces: readonly RoutedFace[];
  /** Ports in the route file: distinct container ports × instances. */
  readonly total: number;
}

/** A workload as the keeper sees it; null = nothing deployed, nothing on its way. */
export interface WantedRoutes {
  readonly workloadId: string;
  readonly serving: RouteLayout | null;
  readonly pending: RouteLayout | null;
  /** It is being torn down: a route that is gone stays gone. */
  readonly isLeaving?: boolean;
}

/** A face that names no port where the source has none either is left out: nothing can stand behind it. */
export function layoutOf(faces: readonly Face[], upstream: Upstream): RouteLayout {
  const routed = faces.flatMap((face) => {
    const filled = face.port ?? upstream.port;
    return filled === null ? [] : [{ ...face, port: filled }];
  });
  const layout = { faces: routed.sort(byHostAndPath), total: 0 };
  return { ...layout, total: portsOf(layout).length * upstream.instances };
}

/** The ports of the route file: by container port, then instance, in the order the containers come in. */
export function routePorts(
  layout: RouteLayout,
  containers: readonly { readonly ports: Readonly<Record<number, number>> }[],
): readonly number[] {
  return portsOf(layout).flatMap((port) => containers.map(({ ports }) => hostPort(ports, port)));
}

/** Equal keys, equal routes: what the keeper records as applied and a worker waits for. */
export function layoutKey(layout: RouteLayout): string {
  const faces = [...layout.faces]
    .sort(byHostAndPath)
    .map((face) => [face.host, face.path, face.port, ...rulesOf(face)]);
  return createHash('sha256')
    .update(JSON.stringify([faces, layout.total]))
    .digest('hex')
    .slice(0, 16);
}

/** A face without rules has none in its key. Secrets are named by id and version. */
function rulesOf(face: Face): readonly unknown[] {
  const [access, tls] = [accessOf(face), tlsOf(face)];
  if (!access && !tls) return [];
  const { ranges = null, login = null } = access ?? {};
  const nameOf = ({ secretId, version }: { secretId: string; version: number }) => `${secretId}/${version}`;
  const certificate = tls?.mode === 'custom' ? [tls.chain, nameOf(tls.key)] : null;
  return [ranges, login && [login.user, nameOf(login.password)], tls?.mode ?? null, certificate];
}

/**
 * True when both write as many ports with another meaning, or let other people in: the name of the file that serves
 * now has to tell them apart, so that the switch alone decides.
 */
export function areAmbiguous({ serving, pending }: WantedRoutes): boolean {
  if (!serving || !pending || serving.total !== pending.total) return false;
  if (portsOf(serving).join() !== portsOf(pending).join()) return true;
  return serving.faces.some((face) => {
    const next = groupOf(pending, keyOf(face));
    return next !== null && JSON.stringify(next) !== JSON.stringify(groupOf(serving, keyOf(face)));
  });
}

/** The routes of one workload, right before and after its switch. `file`: the name of its route file now. */
export function routesOf(wanted: WantedRoutes, file: string | null): readonly Route[] {
  const { workloadId, serving, pending } = wanted;
  const isAmbiguous = areAmbiguous(wanted);
  const faces = new Map([...(serving?.faces ?? []), ...(pending?.faces ?? [])].map((face) => [keyOf(face), face]));
  return [...faces.values()].map(({ host, path }) => {
    const face = keyOf({ host, path });
    const tls = tlsAt(pending, face) ?? tlsAt(serving, face);
    const now = serving && groupOf(serving, face);
    const next = pending && groupOf(pending, face);
    const bound = isAmbiguous && file !== null ? [{ ...(now ?? nothing(serving!.total)), file }] : [];
    const open = isAmbiguous ? [next] : [now, next];
    const groups = distinct([...bound, ...open.filter((group) => group !== null)]);
    return { workloadId, host, path, groups, ...(tls && { tls }) };
  });
}

/** On both sides of a switch a face has TLS where one of the two asks for it: nothing is served in the clear early. */
function tlsAt(layout: RouteLayout | null, face: string) {
  const found = layout?.faces.find((each) => keyOf(each) === face);
  return found && tlsOf(found);
}

function portsOf(layout: RouteLayout): readonly number[] {
  return [...new Set(layout.faces.map(({ port }) => port))].sort((a, b) => a - b);
}

function groupOf(layout: RouteLayout, face: string): PortGroup | null {
  const found = layout.faces.find((each) => keyOf(each) === face);
  if (!found) return null;
  const ports = portsOf(layout);
  const count = layout.total / ports.length;
  const access = accessOf(found);
  const group = { total: layout.total, first: ports.indexOf(found.port) * count, count, file: null };
  return access ? { ...group, access } : group;
}

function nothing(total: number): PortGroup {
  return { total, first: 0, count: 0, file: null };
}

function distinct(groups: readonly PortGroup[]): readonly PortGroup[] {
  return [...new Map(groups.map((group) => [JSON.stringify(group), group])).values()];
}

function keyOf({ host, path }: { host: string; path: string }): string {
  return host + path;
}

function byHostAndPath(a: Face, b: Face): number {
  return a.host < b.host ? -1 : a.host > b.host ? 1 : a.path < b.path ? -1 : a.path > b.path ? 1 : 0;
}

function hostPort(ports: Readonly<Record<number, number>>, containerPort: number): number {
  const port = ports[containerPort];
  if (port === undefined) throw new Error(`no host port is recorded for container port ${containerPort}`);
  return port;
}
