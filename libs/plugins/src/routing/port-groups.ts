import { createHash } from 'node:crypto';
import type { Face, PortGroup, Route, Upstream } from '../source.js';

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
}

/** A face that names no port where the source has none either is left out: nothing can stand behind it. */
export function layoutOf(faces: readonly Face[], upstream: Upstream): RouteLayout {
  const routed = faces.flatMap(({ host, path, port }) => {
    const filled = port ?? upstream.port;
    return filled === null ? [] : [{ host, path, port: filled }];
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
  const faces = [...layout.faces].sort(byHostAndPath).map(({ host, path, port }) => [host, path, port]);
  return createHash('sha256')
    .update(JSON.stringify([faces, layout.total]))
    .digest('hex')
    .slice(0, 16);
}

/**
 * True when both write as many ports with another meaning: the name of the file that serves now has to tell them apart.
 */
export function areAmbiguous({ serving, pending }: WantedRoutes): boolean {
  if (!serving || !pending || serving.total !== pending.total) return false;
  return portsOf(serving).join() !== portsOf(pending).join();
}

/** The routes of one workload, right before and after its switch. `file`: the name of its route file now. */
export function routesOf(wanted: WantedRoutes, file: string | null): readonly Route[] {
  const { workloadId, serving, pending } = wanted;
  const isAmbiguous = areAmbiguous(wanted);
  const faces = new Map([...(serving?.faces ?? []), ...(pending?.faces ?? [])].map((face) => [keyOf(face), face]));
  return [...faces.values()].map(({ host, path }) => {
    const face = keyOf({ host, path });
    const now = serving && groupOf(serving, face);
    const next = pending && groupOf(pending, face);
    const bound = isAmbiguous && file !== null ? [{ ...(now ?? nothing(serving!.total)), file }] : [];
    const open = isAmbiguous ? [next] : [now, next];
    return { workloadId, host, path, groups: distinct([...bound, ...open.filter((group) => group !== null)]) };
  });
}

function portsOf(layout: RouteLayout): readonly number[] {
  return [...new Set(layout.faces.map(({ port }) => port))].sort((a, b) => a - b);
}

function groupOf(layout: RouteLayout, face: string): PortGroup | null {
  const found = layout.faces.find((each) => keyOf(each) === face);
  if (!found) return null;
  const ports = portsOf(layout);
  const count = layout.total / ports.length;
  return { total: layout.total, first: ports.indexOf(found.port) * count, count, file: null };
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
