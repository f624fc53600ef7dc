import { isMap, listOf, textOf, type Json, type JsonMap } from './read-file.js';
import { needsAdmin, type Granted, type Permission, type Refusal } from './permissions.js';

/** Harmless, or looked into below. */
const KNOWN = new Set(
  (
    'annotations attach cap_drop command configs container_name cpu_count cpu_percent cpu_period cpu_quota cpu_shares ' +
    'cpus cpuset depends_on deploy dns dns_opt dns_search domainname entrypoint environment expose extends extra_hosts ' +
    'group_add healthcheck hostname image init labels links logging mem_limit mem_reservation mem_swappiness ' +
    'memswap_limit networks pids_limit platform ports profiles pull_policy read_only restart scale secrets shm_size ' +
    'stdin_open stop_grace_period stop_signal tmpfs tty ulimits user volumes working_dir'
  ).split(' '),
);

/** What an admin may allow, and when it is harmless as it is. */
const GUARDED: Readonly<
  Record<string, { readonly permission: Permission; readonly isFine?: (value: Json) => boolean }>
> = {
  privileged: { permission: 'privileged', isFine: (value) => value === false },
  cap_add: { permission: 'cap_add' },
  devices: { permission: 'devices' },
  gpus: { permission: 'devices' },
  device_cgroup_rules: { permission: 'device_cgroup_rules' },
  pid: { permission: 'pid' },
  ipc: { permission: 'ipc', isFine: (value) => ['private', 'shareable', 'none'].includes(textOf(value)) },
  uts: { permission: 'uts' },
  userns_mode: { permission: 'userns_mode' },
  cgroup: { permission: 'cgroup', isFine: (value) => value === 'private' },
  cgroup_parent: { permission: 'cgroup' },
  network_mode: {
    permission: 'network_mode',
    isFine: (value) => value === 'none' || /^service:[\w.-]+$/.test(textOf(value)),
  },
  security_opt: {
    permission: 'security_opt',
    isFine: (value) => listOf(value).every((each) => /^no-new-privileges([:=]true)?$/.test(textOf(each))),
  },
  sysctls: { permission: 'sysctls' },
  volumes_from: { permission: 'volumes_from' },
  use_api_socket: { permission: 'docker_socket', isFine: (value) => value === false },
};

const READS_FILES = new Set(['env_file', 'label_file', 'credential_spec', 'build', 'develop']);

interface At {
  readonly path: string;
  readonly granted: Granted;
}

export function refusalsOfService(service: JsonMap, { path, granted }: At): readonly Refusal[] {
  return Object.entries(service).flatMap(([key, value]): readonly Refusal[] => {
    const at = `${path}.${key}`;
    if (key.startsWith('x-') || isEmpty(value)) return [];
    const guard = Object.hasOwn(GUARDED, key) ? GUARDED[key] : undefined;
    if (guard !== undefined) {
      const isFine = guard.isFine?.(value) === true || granted.has(guard.permission);
      return isFine ? [] : [needsAdmin(at, guard.permission)];
    }
    if (READS_FILES.has(key)) return [{ path: at, detail: detailOfReader(key) }];
    if (!KNOWN.has(key)) return [{ path: at, detail: 'is no key that is let through' }];
    return (INNER[key] ?? nothing)(value, { path: at, granted });
  });
}

function detailOfReader(key: string): string {
  if (key === 'build') return 'builds on this host. Push an image and name it';
  return 'reads files of the host, and there are none beside this one';
}

function isEmpty(value: Json): boolean {
  if (value === null || value === '') return true;
  return Array.isArray(value) ? value.length === 0 : isMap(value) && Object.keys(value).length === 0;
}

type Look = (value: Json, at: At) => readonly Refusal[];

const nothing: Look = () => [];

const INNER: Readonly<Record<string, Look>> = {
  container_name: (value, { path }) =>
    /^(tf|tinyforge|dw)-/i.test(textOf(value)) ? [{ path, detail: 'is a name that the platform gives' }] : [],
  scale: ofReplicas,
  labels: ofLabels,
  annotations: ofLabels,
  extends: (value, { path }) =>
    isMap(value) && value['file'] !== undefined
      ? [{ path: `${path}.file`, detail: 'reads another file, and there is none beside this one' }]
      : [],
  logging: ofLogging,
  deploy: ofDeploy,
  networks: ofNetworks,
  volumes: ofVolumes,
};

const OURS = /^(tinyforge|com\.docker\.compose|com\.docker\.stack|traefik)([.]|$)/i;

/** Labels are how we, Compose and some proxies know what is theirs. */
function ofLabels(value: Json, { path }: At): readonly Refusal[] {
  const keys = Array.isArray(value)
    ? (value as readonly Json[]).map((entry) => textOf(entry).split('=')[0]!)
    : Object.keys(isMap(value) ? value : {});
  return keys
    .filter((key) => OURS.test(key.trim()))
    .map((key) => ({ path: `${path}.${key.slice(0, 60)}`, detail: 'is a label that is not the file’s to set' }));
}

const MOST_REPLICAS = 100;

function ofReplicas(value: Json, { path }: At): readonly Refusal[] {
  return Number(value) > MOST_REPLICAS ? [{ path, detail: `must be at most ${MOST_REPLICAS}` }] : [];
}

/** The output is read through the engine: any other driver would take it away. */
function ofLogging(value: Json, { path }: At): readonly Refusal[] {
  const driver = isMap(value) ? (value['driver'] ?? 'json-file') : null;
  if (driver === 'json-file' || driver === 'local') return [];
  return [{ path: `${path}.driver`, detail: 'must be json-file or local: the platform reads the logs' }];
}

const DEPLOY = ['mode', 'replicas', 'resources', 'restart_policy', 'update_config', 'rollback_config', 'labels'];

function ofDeploy(value: Json, { path, granted }: At): readonly Refusal[] {
  if (!isMap(value)) return [];
  const known = [...DEPLOY, 'placement', 'endpoint_mode'];
  const strange = Object.keys(value).filter((key) => !known.includes(key) && !key.startsWith('x-'));
  const { resources } = value;
  const limits = isMap(resources) ? Object.entries(resources) : [];
  const devices = limits.filter(([, inner]) => isMap(inner) && !isEmpty(inner['devices'] ?? null));
  return [
    ...strange.map((key) => ({ path: `${path}.${key}`, detail: 'is no key that is let through' })),
    ...ofReplicas(value['replicas'] ?? 1, { path: `${path}.replicas`, granted }),
    ...(granted.has('devices') ? [] : devices).map(([key]) =>
      needsAdmin(`${path}.resources.${key}.devices`, 'devices'),
    ),
  ];
}

const ATTACHMENT = ['aliases', 'ipv4_address', 'ipv6_address', 'priority', 'gw_priority', 'mac_address'];

function ofNetworks(value: Json, { path }: At): readonly Refusal[] {
  if (!isMap(value)) return [];
  return Object.entries(value).flatMap(([name, attachment]) => {
    const strange = Object.keys(isMap(attachment) ? attachment : {}).filter((key) => !ATTACHMENT.includes(key));
    return strange.map((key) => ({ path: `${path}.${name}.${key}`, detail: 'is no key that is let through' }));
  });
}

/** Where a bind leads is the node's to find out. */
function ofVolumes(value: Json, { path }: At): readonly Refusal[] {
  if (!Array.isArray(value)) return [];
  return (value as readonly Json[]).flatMap((entry, index) => {
    const type = isMap(entry) ? textOf(entry['type'] ?? 'volume') : 'bind';
    if (['bind', 'volume', 'tmpfs'].includes(type)) return [];
    return [{ path: `${path}.${index}.type`, detail: 'must be bind, volume or tmpfs' }];
  });
}
