/** One environment variable, as docs/configuration.md shows it. */
export interface ConfigVariable {
  readonly name: string;
  readonly default: string;
  readonly what: string;
  /** Its value is never shown, not even in the message that refuses it. */
  readonly isSecret?: true;
}

/** Every variable that an app reads; an empty value counts as unset. */
export const CONFIG_VARIABLES = [
  {
    name: 'TINYFORGE_DATA_DIR',
    default: './data',
    what: 'Folder for the embedded Postgres, the master key, route files and endpoints. Made when it is not there.',
  },
  {
    name: 'DATABASE_URL',
    default: 'unset',
    what: 'Your Postgres (`postgres://user:password@host/database`). Unset: an embedded one, in all-in-one and admin only.',
    isSecret: true,
  },
  {
    name: 'REDIS_URL',
    default: 'unset',
    what: 'Redis for the queues. Unset: the queues live in Postgres.',
    isSecret: true,
  },
  {
    name: 'DOCKER_HOST',
    default: 'unix:///var/run/docker.sock',
    what: 'The Docker engine, `unix:///path` or `tcp://host:port`. Read by deploy-worker, reconciler and all-in-one.',
  },
  { name: 'TINYFORGE_BIND', default: '127.0.0.1', what: 'Address that the API, the ingress and health listen on.' },
  { name: 'TINYFORGE_API_PORT', default: '8700', what: 'Port of the API and the console; 0 = any free one.' },
  { name: 'TINYFORGE_INGRESS_PORT', default: '8701', what: 'Port of the webhook ingress; 0 = any free one.' },
  {
    name: 'TINYFORGE_HEALTH_PORT',
    default: '0',
    what: 'Port of `/healthz`, `/readyz` and `/metrics` in deploy-worker and reconciler; 0 = any free one.',
  },
  {
    name: 'TINYFORGE_PUBLIC_URL',
    default: 'unset',
    what: 'Address of the console as its readers see it; printed in links.',
  },
  {
    name: 'TINYFORGE_PUBLIC_INGRESS_URL',
    default: 'unset',
    what: 'Address of the ingress as vendors see it; printed in webhook URLs.',
  },
  { name: 'TINYFORGE_PROXY', default: 'caddy', what: 'Proxy before the workloads: `caddy`, `traefik` or `none`.' },
  {
    name: 'CADDY_ADMIN_URL',
    default: 'unset',
    what: 'Admin endpoint of your own Caddy, `http://host:port` or `unix:///path`. Unset: one of ours, detached.',
  },
  { name: 'TINYFORGE_PROXY_BIND', default: '127.0.0.1', what: 'Address that the proxy listens on.' },
  { name: 'TINYFORGE_HTTP_PORT', default: '8780', what: 'The proxy’s port for http; 0 = any free one.' },
  { name: 'TINYFORGE_HTTPS_PORT', default: '8743', what: 'The proxy’s port for https; 0 = any free one.' },
  {
    name: 'TINYFORGE_TRAEFIK_DIR',
    default: 'unset',
    what: 'Directory that the file provider of your Traefik 3 watches; one file for each workload is kept in it. Name its entry points `web` and `websecure`, and a certificate resolver `tinyforge`.',
  },
  {
    name: 'TINYFORGE_ADMIN_TOKEN',
    default: 'unset',
    what: 'Set: this bearer token is an admin (automation, tests). At least 16 characters.',
    isSecret: true,
  },
  {
    name: 'TINYFORGE_MASTER_KEY',
    default: 'unset',
    what: '32 bytes as base64 or hex. Unset: generated in `<data>/master.key`. One that does not fit refuses to start.',
    isSecret: true,
  },
  {
    name: 'TINYFORGE_LEASE_MS',
    default: '10000',
    what: 'How long a worker holds a workload, in milliseconds. Renewed at 0.3, trusted for 0.7, swept at 0.2 of it.',
  },
  {
    name: 'TINYFORGE_OBSERVE_MS',
    default: '30000',
    what: 'How often the reconciler compares containers with releases, in milliseconds; Docker’s events make it look at once.',
  },
  {
    name: 'TINYFORGE_NODE',
    default: 'default',
    what: 'Name of this Docker host; workers and reconciler of a host share it.',
  },
  {
    name: 'TINYFORGE_PORT_RANGE',
    default: '20000-29999',
    what: 'Loopback ports that are given to containers, first-last.',
  },
  {
    name: 'TINYFORGE_SUBNET_POOL',
    default: '10.214.0.0/16',
    what: 'Block of IPv4 addresses that private networks are cut from, 64 addresses each.',
  },
  { name: 'LOG_LEVEL', default: 'info', what: '`trace`, `debug`, `info`, `warn`, `error`, `fatal` or `silent`.' },
  {
    name: 'OTEL_EXPORTER_OTLP_ENDPOINT',
    default: 'unset',
    what: 'Where traces go, an http(s) address. Unset: nowhere.',
  },
] as const satisfies readonly ConfigVariable[];

export type ConfigName = (typeof CONFIG_VARIABLES)[number]['name'];

/** docs/configuration.md, generated so that it cannot fall behind the code. */
export function configurationPage(): string {
  const rows = CONFIG_VARIABLES.map(
    (variable) => `| \`${variable.name}\` | \`${variable.default}\` | ${variable.what} |`,
  );
  return [
    '# Configuration',
    '',
    'Every app reads its settings from the environment when it starts, and refuses to start on a bad value.',
    'This page is generated from `libs/runtime/src/config-variables.ts`: change that file and run `npm run gen`.',
    '',
    '| variable | default | what it is |',
    '| --- | --- | --- |',
    ...rows,
    '',
    'Ports that were bound stand in `<data>/endpoints/<app>-<pid>.json` while the app runs.',
    '',
  ].join('\n');
}
