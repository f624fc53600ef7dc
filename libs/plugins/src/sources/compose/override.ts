import type { Mount } from '#docker/docker';
import { LABELS, NETWORK_LABEL } from '#domain/naming';
import type { StepIo } from '../../source.js';
import type { Placed, Standing } from './placed.js';
import type { Json, JsonMap } from './read-file.js';

/** Our labels, the pinned images, the ports: laid over the file, which stays as it is. */
export function overrideOf(
  { release, file, prepared, mounts }: Standing,
  placed: Readonly<Record<string, Placed>>,
  io: Pick<StepIo, 'installation'>,
): string {
  const owned = { [LABELS.workloadId]: release.workloadId, [LABELS.installation]: io.installation };
  const services = Object.entries(placed).map(([name, each]) => [name, serviceOf(each, file.services[name]!)]);
  const isOwn = (section: JsonMap | null) => section?.['external'] === undefined && section?.['name'] === undefined;
  const networks = ['default', ...Object.keys(file.networks).filter((name) => name !== 'default')]
    .filter((name) => isOwn(file.networks[name] ?? null))
    .map((name) => [name, { labels: { ...owned, [NETWORK_LABEL]: `${prepared.project}_${name}` } }]);
  const volumes = Object.keys(file.volumes).filter((name) => isOwn(file.volumes[name] ?? null));
  const named = mounts.flatMap((mount) => (mount.type === 'volume' ? [mount.source] : []));
  const doc = {
    services: Object.fromEntries(services) as JsonMap,
    networks: Object.fromEntries(networks) as JsonMap,
    volumes: {
      ...Object.fromEntries(volumes.map((name) => [name, { labels: owned }])),
      ...Object.fromEntries(named.map((name) => [name, { external: true, name }])),
    },
  };
  return `${JSON.stringify(doc, null, 2)}\n`;
}

/** As for containers that we make ourselves. */
const LOGGING = { driver: 'json-file', options: { 'max-size': '10m', 'max-file': '3' } };

function serviceOf({ labels, image, mounts, ports }: Placed, written: JsonMap): JsonMap {
  return {
    image,
    labels: { ...labels },
    ...(written['logging'] === undefined && { logging: LOGGING }),
    ...(ports.length > 0 && { ports }),
    ...(mounts.length > 0 && { volumes: mounts.map(mountOf) }),
  };
}

function mountOf(mount: Mount): Json {
  if (mount.type === 'tmpfs') return { type: 'tmpfs', target: mount.target };
  const { type, source, target, readOnly } = mount;
  return { type, source, target, read_only: readOnly };
}
