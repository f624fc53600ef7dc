import type { Decider, DomainEvent } from './decider.js';
import { Rejection, type FieldError } from './errors.js';
import { hostPathProblem } from './volume.js';

export interface Settings {
  /** Completes a face that names a subdomain only. */
  readonly domain: string | null;
  /** Who issues certificates for faces with TLS. */
  readonly acme: AcmeSettings;
  /** Deployments of one delivery that run at a time. */
  readonly maxTriggerFanOutConcurrency: number;
  /** Successful releases kept per workload. */
  readonly releasesKept: number;
  /** Days that the output of containers is kept, as far as its ring reaches. */
  readonly logDays: number;
  /** Days that raw bodies are kept. */
  readonly bodyDays: number;
  /** Days that terminal histories are kept; null = for ever. */
  readonly historyDays: number | null;
  /** Bytes that a webhook body may take. */
  readonly maxBodyBytes: number;
  /** Directory on the host below which workloads get theirs; null = no volume of such a scope. */
  readonly volumeBase: string | null;
  /** Host paths below which an `absolute` volume may be; empty = none. */
  readonly allowedVolumePaths: readonly string[];
  /** Docker volumes that a workload may use although they are not its own. */
  readonly allowedNamedVolumes: readonly string[];
  /** What the sites of the static source are built on, by mode. */
  readonly baseImages: BaseImages;
  /**
   * Git providers that may be reached although they are not public: `host`, `host:port`, CIDRs, addresses, and
   * `http://host:port` where plain http is fine.
   */
  readonly allowedProviderHosts: readonly string[];
}

export interface BaseImages {
  readonly static: string;
  readonly deno: string;
}

/**
 * `internal`: the proxy's own authority, which no browser trusts by itself. No address of a person: it would lie in the
 * log for ever, and Let's Encrypt writes to nobody any more.
 */
export interface AcmeSettings {
  /** Address of an ACME directory, or `internal`. */
  readonly directory: string;
}

export const LETS_ENCRYPT = 'https://acme-v02.api.letsencrypt.org/directory';

export const DEFAULT_SETTINGS: Settings = {
  domain: null,
  acme: { directory: LETS_ENCRYPT },
  maxTriggerFanOutConcurrency: 4,
  releasesKept: 5,
  logDays: 14,
  bodyDays: 30,
  historyDays: null,
  maxBodyBytes: 5 * 1024 * 1024,
  volumeBase: null,
  allowedVolumePaths: [],
  allowedNamedVolumes: [],
  baseImages: { static: 'docker.io/library/caddy:2', deno: 'docker.io/denoland/deno:2.9.6' },
  allowedProviderHosts: [],
};

/** The one stream of the settings. */
export const SETTINGS_ID = 'instance';

export type SettingsEvent = DomainEvent & { readonly type: 'SettingsChanged'; readonly data: Partial<Settings> };
export type SettingsCommand = { type: 'ChangeSettings'; changes: Partial<Settings> };

export const settings: Decider<Settings, SettingsCommand, SettingsEvent> = {
  name: 'settings',
  initial: DEFAULT_SETTINGS,
  decide(command, state) {
    const differing = Object.entries(command.changes).filter(
      ([key, value]) => value !== undefined && !isSame(value, state[key as keyof Settings]),
    );
    const changes = Object.fromEntries(differing) as Partial<Settings>;
    requireBetween(changes, 'maxTriggerFanOutConcurrency', [1, 1000]);
    requireBetween(changes, 'releasesKept', [1, 100]);
    requireBetween(changes, 'logDays', [1, 365]);
    requireBetween(changes, 'bodyDays', [1, 3650]);
    requireBetween(changes, 'historyDays', [1, 36500]);
    if (changes.acme) requireDirectory(changes.acme);
    requireBetween(changes, 'maxBodyBytes', [1024, 25 * 1024 * 1024]);
    requirePaths(changes);
    requireHosts(changes);
    requireImages(changes);
    return differing.length === 0 ? [] : [{ type: 'SettingsChanged', data: changes }];
  },
  evolve(state, event) {
    return { ...state, ...event.data };
  },
};

/** No braces: a proxy would fill in a placeholder. */
const DIRECTORY = /^https:\/\/[a-z0-9.-]{1,253}(:\d{1,5})?(\/[A-Za-z0-9\-._~/]*)?$/;

function requireDirectory({ directory }: AcmeSettings): void {
  if (directory === 'internal' || DIRECTORY.test(directory)) return;
  throw new Rejection('invalid-setting', 'acme.directory is no address of an ACME directory.', [
    { pointer: '/acme/directory', detail: 'must be an https address, or "internal"' },
  ]);
}

function isSame(left: unknown, right: unknown): boolean {
  return JSON.stringify(left) === JSON.stringify(right);
}

function requireBetween(changes: Partial<Settings>, field: keyof Settings, [low, high]: [number, number]): void {
  const value = changes[field];
  if (typeof value !== 'number' || (value >= low && value <= high)) return;
  throw new Rejection('invalid-setting', `${field} is out of range.`, [
    { pointer: `/${field}`, detail: `must be ${low} to ${high}` },
  ]);
}

const HOST = /^(http:\/\/)?[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?(:\d{1,5})?$/;
const RANGE = /^(\d{1,3}(\.\d{1,3}){3}|[0-9a-f:]{2,39})(\/\d{1,3})?$/;

function requireHosts({ allowedProviderHosts = [] }: Partial<Settings>): void {
  const errors = allowedProviderHosts.flatMap((entry, index) => {
    if (HOST.test(entry) || RANGE.test(entry)) return [];
    const detail = 'must be host, host:port, an address, a CIDR, or http://host:port, in lower case';
    return [{ pointer: `/allowedProviderHosts/${index}`, detail }];
  });
  if (errors.length > 0) throw new Rejection('invalid-setting', 'A provider host is not valid.', errors);
}

/** Goes into a Dockerfile: nothing but the alphabet of image names. */
const IMAGE = /^[a-z0-9][a-z0-9._:/-]{0,254}(:[A-Za-z0-9_][A-Za-z0-9_.-]{0,127})?(@sha256:[0-9a-f]{64})?$/;

function requireImages({ baseImages }: Partial<Settings>): void {
  const errors = Object.entries(baseImages ?? {}).flatMap(([mode, image]) =>
    IMAGE.test(image as string)
      ? []
      : [{ pointer: `/baseImages/${mode}`, detail: 'must be an image name in lower case' }],
  );
  if (errors.length > 0) throw new Rejection('invalid-setting', 'A base image is not valid.', errors);
}

const VOLUME_NAME = /^[A-Za-z0-9][A-Za-z0-9_.-]{0,254}$/;

function requirePaths({ volumeBase, allowedVolumePaths = [], allowedNamedVolumes = [] }: Partial<Settings>): void {
  const paths = [
    ...(volumeBase ? [{ pointer: '/volumeBase', path: volumeBase }] : []),
    ...allowedVolumePaths.map((path, index) => ({ pointer: `/allowedVolumePaths/${index}`, path })),
  ];
  const errors: FieldError[] = paths.flatMap(({ pointer, path }) => {
    const detail = hostPathProblem(path);
    return detail === null ? [] : [{ pointer, detail }];
  });
  allowedNamedVolumes.forEach((name, index) => {
    if (!VOLUME_NAME.test(name))
      errors.push({ pointer: `/allowedNamedVolumes/${index}`, detail: 'must be the name of a Docker volume' });
  });
  if (errors.length === 0) return;
  throw new Rejection('invalid-setting', 'A path or a name in the settings is not valid.', errors);
}
