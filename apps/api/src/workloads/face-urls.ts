import type { DataSource } from 'typeorm';
import type { Face } from '#domain/face';
import type { Config } from '#runtime/config';
import { endpointUrl } from '#runtime/endpoints';
import type { Workload } from '#store/views/workload.entity';

type UrlOf = (row: Workload, face: Face) => string | null;

/** Where faces answer: at the proxy by the port that it was found on, without a proxy at the container's own. */
export async function faceUrls(reads: DataSource, { proxy }: Config, rows: readonly Workload[]): Promise<UrlOf> {
  if (proxy.kind === 'none') return loopbackUrls(reads, rows);
  const nodes = [...new Set(rows.map(({ node }) => node))];
  const isTold = proxy.httpPort !== 0 && proxy.httpsPort !== 0;
  const found: { node: string; http: number; https: number }[] = isTold
    ? []
    : await reads.query('select node, http_port as http, https_port as https from state.proxy where node = any($1)', [
        nodes,
      ]);
  return ({ node }, { host, path, tls }) => {
    const bound = found.find((each) => each.node === node);
    const [scheme, port, usual] = tls
      ? (['https', proxy.httpsPort || bound?.https, 443] as const)
      : (['http', proxy.httpPort || bound?.http, 80] as const);
    if (port === undefined) return null;
    return `${scheme}://${host}${port === usual ? '' : `:${port}`}${path}`;
  };
}

interface Served {
  readonly id: string;
  /** Container port → host port, of the first instance. */
  readonly ports: Readonly<Record<string, number>> | null;
  readonly own: number | null;
}

async function loopbackUrls(reads: DataSource, rows: readonly Workload[]): Promise<UrlOf> {
  const current = rows.map(({ currentDeploymentId }) => currentDeploymentId).filter((id) => id !== null);
  const served: Served[] =
    current.length === 0
      ? []
      : await reads.query(
          `select id, facts->'containers'->0->'ports' as ports, (release->'config'->>'port')::int as own
            from view.deployment where id = any($1)`,
          [current],
        );
  return ({ currentDeploymentId }, { path, port }) => {
    const { ports, own } = served.find(({ id }) => id === currentDeploymentId) ?? {};
    const bound = ports?.[String(port ?? own)];
    return bound === undefined ? null : endpointUrl({ host: '127.0.0.1', port: bound }) + path;
  };
}
