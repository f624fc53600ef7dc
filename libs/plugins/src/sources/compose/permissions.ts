/** What a file may not do unless an admin allows it for the workload. */
export const PERMISSIONS = [
  'binds',
  'cap_add',
  'cgroup',
  'device_cgroup_rules',
  'devices',
  'docker_socket',
  'external_networks',
  'ipc',
  'network_drivers',
  'network_mode',
  'pid',
  'privileged',
  'security_opt',
  'sysctls',
  'userns_mode',
  'uts',
  'volume_drivers',
  'volumes_from',
] as const;
export type Permission = (typeof PERMISSIONS)[number];

/** One key that is refused, with its path in the file. */
export interface Refusal {
  readonly path: string;
  readonly detail: string;
  /** It is the value that is refused: one that is still a variable may turn out fine. */
  readonly isValue?: true;
}

/** Given by an admin; what is left out is refused. */
export type Granted = ReadonlySet<Permission>;

export function needsAdmin(path: string, permission: Permission): Refusal {
  const detail = `is refused unless an admin allows "${permission}" for this workload (permissions)`;
  return { path, detail, isValue: true };
}
