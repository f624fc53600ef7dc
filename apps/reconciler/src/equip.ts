import { TerminalError } from '#domain/errors';
import type { SecretRef } from '#domain/secret-ref';
import { secretsOf } from '#plugins/routing/access';
import type { ProxyIo, Route } from '#plugins/source';
import type { Logger } from '#runtime/logging';
import type { Secrets } from '#store/secrets';
import { readSettings } from '#store/settings';
import type { Store } from '#store/store';

export interface EquipDeps {
  readonly store: Store;
  readonly secrets: Secrets;
  readonly logger: Logger;
  readonly node: string;
  /** Where the proxy listens; throws while it cannot be started. */
  readonly ports: () => Promise<ProxyPorts>;
}

export type ProxyPorts = Pick<ProxyIo, 'httpPort' | 'httpsPort'>;

/** What the proxy has to know beside the routes. A secret that was opened stays: a version never changes. */
export function createEquip({ store, secrets, logger, node, ports }: EquipDeps) {
  const found = once(async () => tell(store, node, await ports()));
  let opened = new Map<string, string>();
  const told = new Set<string>();
  const open = async (ref: SecretRef): Promise<string | null> => {
    try {
      return await secrets.open(ref);
    } catch (error) {
      // The database may be away for a moment: that is no reason to shut a face.
      if (!(error instanceof TerminalError)) throw error;
      if (!told.has(keyOf(ref))) logger.error({ err: error }, 'A secret of a face cannot be opened: it stays shut');
      told.add(keyOf(ref));
      return null;
    }
  };
  return async (io: ProxyIo, routes: readonly Route[]): Promise<ProxyIo> => {
    const { httpPort, httpsPort } = await found();
    const { acme } = await readSettings(store);
    const known = new Map<string, string>();
    for (const ref of refsOf(routes)) {
      const plain = opened.get(keyOf(ref)) ?? (await open(ref));
      if (plain !== null) known.set(keyOf(ref), plain);
    }
    opened = known;
    return { ...io, httpPort, httpsPort, issuer: acme.directory, reveal: (ref) => known.get(keyOf(ref)) ?? null };
  };
}

/** For the API, which may have been told port 0 and may run elsewhere. */
async function tell(store: Store, node: string, ports: ProxyPorts): Promise<ProxyPorts> {
  await store.pool.query(
    `insert into state.proxy (node, http_port, https_port) values ($1, $2, $3)
      on conflict (node) do update set http_port = $2, https_port = $3`,
    [node, ports.httpPort, ports.httpsPort],
  );
  return ports;
}

/** The answer of the first call that had one. */
function once<T>(ask: () => Promise<T>): () => Promise<T> {
  let asked: Promise<T> | null = null;
  return () =>
    (asked ??= ask().catch((error: unknown) => {
      asked = null;
      throw error;
    }));
}

function refsOf(routes: readonly Route[]): readonly SecretRef[] {
  const rules = routes.flatMap(({ groups, tls }) => [...groups.map(({ access }) => ({ access })), { tls }]);
  return [...new Map(secretsOf(rules).map((ref) => [keyOf(ref), ref])).values()];
}

function keyOf({ secretId, version }: SecretRef): string {
  return `${secretId}/${version}`;
}
