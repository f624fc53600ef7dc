import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { LABELS } from '#domain/naming';
import { engineJson } from '../engine-call.js';
import type { World } from './world.js';

interface Row {
  readonly id: string;
  readonly name: string;
  readonly current: string | null;
  readonly lifecycle: string;
  readonly state: string;
}

interface EngineContainer {
  readonly Names: readonly string[];
  readonly State: string;
  readonly Labels: Readonly<Record<string, string>>;
  readonly Ports: readonly { readonly PublicPort?: number }[];
}

/** I7: containers, routes, ports and networks of ours are what the views say, no more and no less. */
export async function brokenReality(world: World): Promise<readonly string[]> {
  const { rows } = await world.store.pool.query<Row>(
    'select id, name, current_deployment_id as current, lifecycle, state from view.workload',
  );
  const filters = JSON.stringify({ label: [LABELS.workloadId] });
  const query = `/containers/json?all=true&filters=${encodeURIComponent(filters)}`;
  const containers = (await engineJson(world.engine.host, { path: query })) as EngineContainer[];
  return [
    ...strays(rows, containers),
    ...rows.flatMap((row) => missing(row, containers)),
    ...(await wrongRoutes(world, rows, containers)),
    ...(await leakedPorts(world, containers)),
    ...(await strangeNetworks(world)),
  ];
}

function strays(rows: readonly Row[], containers: readonly EngineContainer[]): string[] {
  return containers
    .filter(({ Labels }) => {
      const owner = rows.find(({ id }) => id === Labels[LABELS.workloadId]);
      return owner?.lifecycle !== 'present' || owner.current !== Labels[LABELS.deploymentId];
    })
    .map(({ Names, State }) => `I7: stray container ${Names[0]} (${State})`);
}

function missing({ id, name, current, lifecycle }: Row, containers: readonly EngineContainer[]): string[] {
  if (lifecycle !== 'present' || current === null) return [];
  const isServing = ({ Labels, State }: EngineContainer) =>
    Labels[LABELS.workloadId] === id && Labels[LABELS.deploymentId] === current && State === 'running';
  return containers.some(isServing) ? [] : [`I7: nothing runs for ${name}`];
}

/** One file per workload, and it names the ports of the container that serves. */
async function wrongRoutes(
  { dataDir }: World,
  rows: readonly Row[],
  containers: readonly EngineContainer[],
): Promise<string[]> {
  const folder = join(dataDir, 'routes');
  const present = (await readdir(folder, { withFileTypes: true })).filter(
    (entry) => entry.isDirectory() && !entry.name.startsWith('.'),
  );
  const broken = present
    .filter(({ name }) => !rows.some(({ id, lifecycle }) => id === name && lifecycle === 'present'))
    .map(({ name }) => `I7: a route is left of ${name}`);
  for (const { id, name, current } of rows.filter((row) => row.lifecycle === 'present' && row.current !== null)) {
    const files = await readdir(join(folder, id)).catch(() => []);
    const ports = containers
      .filter(({ Labels }) => Labels[LABELS.deploymentId] === current)
      .flatMap(({ Ports }) => Ports.flatMap(({ PublicPort }) => PublicPort ?? []));
    const routed = files.length === 1 ? files[0]!.split('-').slice(1).map(Number) : [];
    if (routed.length === 0 || !routed.every((port) => ports.includes(port)))
      broken.push(`I7: the route of ${name} is ${files.join(', ')}, its container has ${ports.join(', ')}`);
  }
  return broken;
}

async function leakedPorts({ store }: World, containers: readonly EngineContainer[]): Promise<string[]> {
  const { rows } = await store.pool.query<{ name: string }>(
    'select container_name as name from state.port where container_port <> 0',
  );
  return rows
    .filter(({ name }) => !containers.some(({ Names }) => Names.includes(`/${name}`)))
    .map(({ name }) => `I7: a port is kept for ${name}, which is gone`);
}

async function strangeNetworks({ engine }: World): Promise<string[]> {
  const filters = JSON.stringify({ label: ['tinyforge.network'] });
  const found = (await engineJson(engine.host, { path: `/networks?filters=${encodeURIComponent(filters)}` })) as {
    Name: string;
  }[];
  const names = found.map(({ Name }) => Name).sort();
  return names.join() === 'tinyforge' ? [] : [`I7: networks of ours are ${names.join(', ')}`];
}
