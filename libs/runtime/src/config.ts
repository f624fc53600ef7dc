import { isIP } from 'node:net';
import { resolve } from 'node:path';
import { canonicalCidr } from '#domain/cidr';
import { CONFIG_VARIABLES, type ConfigName, type ConfigVariable } from './config-variables.js';

export const APPS = ['all-in-one', 'api', 'webhook-ingress', 'deploy-worker', 'reconciler', 'admin'] as const;
export type AppName = (typeof APPS)[number];
export type Env = Readonly<Record<string, string | undefined>>;

/** What an app was told, checked. Null = not set. */
export interface Config {
  readonly app: AppName;
  /** Absolute. */
  readonly dataDir: string;
  readonly databaseUrl: string | null;
  readonly redisUrl: string | null;
  readonly dockerHost: string;
  readonly bind: string;
  readonly apiPort: number;
  readonly ingressPort: number;
  readonly healthPort: number;
  /** Without a trailing slash. */
  readonly publicUrl: string | null;
  readonly publicIngressUrl: string | null;
  readonly proxy: ProxyConfig;
  readonly adminToken: string | null;
  readonly masterKey: string | null;
  readonly lease: LeaseTimes;
  readonly observeMs: number;
  readonly node: string;
  readonly portRange: { readonly first: number; readonly last: number };
  /** Private networks are blocks of it. */
  readonly subnetPool: string;
  readonly logLevel: string;
  readonly otlpEndpoint: string | null;
}

export interface ProxyConfig {
  readonly kind: 'caddy' | 'traefik' | 'none';
  /** Null = the Caddy that we start ourselves. */
  readonly adminUrl: string | null;
  readonly bind: string;
  readonly httpPort: number;
  readonly httpsPort: number;
  /** Absolute; null only where the proxy is another one. */
  readonly traefikDir: string | null;
}

/** All in milliseconds. `trustMs` counts from before the renewal was sent. */
export interface LeaseTimes {
  readonly leaseMs: number;
  readonly renewMs: number;
  readonly trustMs: number;
  readonly sweepMs: number;
}

/** Everything that is wrong with the environment, one line per variable; never a secret's value. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError';
  constructor(readonly problems: readonly string[]) {
    super(`The configuration is not usable:\n${problems.map((problem) => `  - ${problem}`).join('\n')}`);
  }
}

/** Throws `ConfigError` with every bad value at once. */
export function readConfig(env: Env, app: AppName): Config {
  const problems: string[] = [];
  const read = reader(env, problems);
  const config: Config = {
    app,
    dataDir: resolve(read('TINYFORGE_DATA_DIR', dataDir)),
    databaseUrl: read('DATABASE_URL', optional(url(['postgres:', 'postgresql:']))),
    redisUrl: read('REDIS_URL', optional(url(['redis:', 'rediss:']))),
    dockerHost: read('DOCKER_HOST', url(['unix:', 'tcp:', 'http:', 'https:'])),
    bind: read('TINYFORGE_BIND', address),
    apiPort: read('TINYFORGE_API_PORT', port),
    ingressPort: read('TINYFORGE_INGRESS_PORT', port),
    healthPort: read('TINYFORGE_HEALTH_PORT', port),
    publicUrl: read('TINYFORGE_PUBLIC_URL', optional(publicUrl)),
    publicIngressUrl: read('TINYFORGE_PUBLIC_INGRESS_URL', optional(publicUrl)),
    proxy: {
      kind: read('TINYFORGE_PROXY', oneOf(['caddy', 'traefik', 'none'])),
      adminUrl: read('CADDY_ADMIN_URL', optional(url(['http:', 'https:', 'unix:']))),
      bind: read('TINYFORGE_PROXY_BIND', address),
      httpPort: read('TINYFORGE_HTTP_PORT', port),
      httpsPort: read('TINYFORGE_HTTPS_PORT', port),
      traefikDir: read('TINYFORGE_TRAEFIK_DIR', optional(directory)),
    },
    adminToken: read('TINYFORGE_ADMIN_TOKEN', optional(adminToken)),
    masterKey: read('TINYFORGE_MASTER_KEY', optional(masterKey)),
    lease: leaseTimes(read('TINYFORGE_LEASE_MS', integer(100, 600_000))),
    observeMs: read('TINYFORGE_OBSERVE_MS', integer(100, 600_000)),
    node: read('TINYFORGE_NODE', nodeName),
    portRange: read('TINYFORGE_PORT_RANGE', portRange),
    subnetPool: read('TINYFORGE_SUBNET_POOL', subnetPool),
    logLevel: read('LOG_LEVEL', oneOf(['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'])),
    otlpEndpoint: read('OTEL_EXPORTER_OTLP_ENDPOINT', optional(url(['http:', 'https:']))),
  };
  if (problems.length === 0) problems.push(...acrossVariables(config));
  if (problems.length > 0) throw new ConfigError(problems);
  return config;
}

export function leaseTimes(leaseMs: number): LeaseTimes {
  const share = (part: number) => Math.round(leaseMs * part);
  return { leaseMs, renewMs: share(0.3), trustMs: share(0.7), sweepMs: share(0.2) };
}

/** Values that must never be printed, for the logger to mask. */
export function secretValues(config: Config): readonly string[] {
  const secrets = [config.adminToken, config.masterKey, passwordOf(config.databaseUrl), passwordOf(config.redisUrl)];
  return secrets.filter((secret): secret is string => secret !== null && secret !== '');
}

/** Returns the value, or throws an Error whose message says what is expected ("an integer …; …"). */
type Parse<T> = (text: string) => T;

function reader(env: Env, problems: string[]) {
  const known = new Map<string, ConfigVariable>(CONFIG_VARIABLES.map((variable) => [variable.name, variable]));
  return <T>(name: ConfigName, parse: Parse<T>): T => {
    const variable = known.get(name)!;
    const given = env[name]?.trim() ?? '';
    const text = given === '' ? variable.default : given;
    try {
      return parse(text);
    } catch (error) {
      const shown = variable.isSecret ? '' : ` is ${JSON.stringify(text)}`;
      problems.push(
        `${name}${shown}: expected ${(error as Error).message}. Correct it or unset it (default: ${variable.default}).`,
      );
      // Never seen: the problem just noted makes readConfig throw.
      return undefined as T;
    }
  };
}

function acrossVariables(config: Config): string[] {
  const problems: string[] = [];
  const isAlone = config.app !== 'all-in-one' && config.app !== 'admin';
  if (isAlone && config.databaseUrl === null) {
    problems.push(
      `DATABASE_URL is unset: ${config.app} needs one that all apps share. Set it, or run all-in-one, which brings its own Postgres.`,
    );
  }
  if (config.proxy.kind === 'traefik' && config.proxy.traefikDir === null)
    problems.push('TINYFORGE_TRAEFIK_DIR is unset: set it to the directory that Traefik’s file provider watches.');
  const same = (left: number, right: number) => left !== 0 && left === right;
  if (same(config.apiPort, config.ingressPort)) {
    problems.push(
      `TINYFORGE_INGRESS_PORT is ${config.ingressPort}, as is TINYFORGE_API_PORT: choose another port for one of them.`,
    );
  }
  if (same(config.proxy.httpPort, config.proxy.httpsPort)) {
    problems.push(
      `TINYFORGE_HTTPS_PORT is ${config.proxy.httpsPort}, as is TINYFORGE_HTTP_PORT: choose another port for one of them.`,
    );
  }
  return problems;
}

function optional<T>(parse: Parse<T>): Parse<T | null> {
  return (text) => (text === 'unset' ? null : parse(text));
}

function integer(least: number, most: number): Parse<number> {
  return (text) => {
    const value = /^\d{1,9}$/.test(text) ? Number(text) : NaN;
    if (value >= least && value <= most) return value;
    throw new Error(`an integer from ${least} to ${most}`);
  };
}

const port = integer(0, 65_535);

function oneOf<const T extends string>(values: readonly T[]): Parse<T> {
  return (text) => {
    const found = values.find((value) => value === text);
    if (found !== undefined) return found;
    throw new Error(`one of ${values.join(', ')}`);
  };
}

function url(protocols: readonly string[]): Parse<string> {
  return (text) => {
    const forms = protocols.map((protocol) => (protocol === 'unix:' ? 'unix:///path' : `${protocol}//…`)).join(' or ');
    const parsed = parseUrl(text);
    if (parsed !== null && protocols.includes(parsed.protocol) && text.startsWith(`${parsed.protocol}//`)) return text;
    throw new Error(`an address of the form ${forms}`);
  };
}

/** A Postgres URL over a socket (`postgres://user:password@/db?host=/run`) has no host, which URL refuses. */
function parseUrl(text: string): URL | null {
  return URL.parse(text) ?? URL.parse(text.replace('@/', '@socket/'));
}

function passwordOf(text: string | null): string | null {
  const password = text === null ? '' : (parseUrl(text)?.password ?? '');
  return password === '' ? null : decodeURIComponent(password);
}

const publicUrl: Parse<string> = (text) => {
  const parsed = URL.parse(text);
  const isPlain =
    parsed !== null && parsed.search === '' && parsed.hash === '' && parsed.username === '' && parsed.password === '';
  if (isPlain && /^https?:$/.test(parsed.protocol)) return parsed.href.replace(/\/+$/, '');
  throw new Error('an address such as https://forge.example.org, without user, query or fragment');
};

const address: Parse<string> = (text) => {
  if (isIP(text) !== 0 || text === 'localhost') return text;
  throw new Error('an IP address of this host, such as 127.0.0.1 or 0.0.0.0');
};

const dataDir: Parse<string> = (text) => {
  if (!text.includes('\0')) return text;
  throw new Error('a path');
};

const directory: Parse<string> = (text) => resolve(dataDir(text));

const subnetPool: Parse<string> = (text) => {
  const pool = canonicalCidr(text);
  const [address = '', length] = (pool ?? '').split('/');
  if (isIP(address) === 4 && pool === text && Number(length) >= 8 && Number(length) <= 26) return pool;
  throw new Error('a block of IPv4 addresses from /8 to /26 in its plain spelling, such as 10.214.0.0/16');
};

const adminToken: Parse<string> = (text) => {
  if (/^[\x21-\x7e]{16,}$/.test(text)) return text;
  throw new Error('at least 16 printable characters without spaces (openssl rand -hex 32 makes one)');
};

const masterKey: Parse<string> = (text) => {
  const isHex = /^[0-9a-f]{64}$/i.test(text);
  const isBase64 = /^[A-Za-z0-9+/_-]{43}=?$/.test(text);
  if (isHex || isBase64) return text;
  throw new Error('32 bytes as base64 or hex (openssl rand -hex 32 makes one)');
};

const nodeName: Parse<string> = (text) => {
  if (/^[a-z0-9]([a-z0-9-]{0,30}[a-z0-9])?$/.test(text)) return text;
  throw new Error('a name of 1 to 32 lower-case letters, digits and inner dashes');
};

const portRange: Parse<{ first: number; last: number }> = (text) => {
  const [, first = NaN, last = NaN] = (/^(\d{1,5})\s*[-–]\s*(\d{1,5})$/.exec(text) ?? []).map(Number);
  if (first >= 1024 && last <= 65_535 && last - first >= 9) return { first, last };
  throw new Error('first-last between 1024 and 65535, at least ten ports, such as 20000-29999');
};
