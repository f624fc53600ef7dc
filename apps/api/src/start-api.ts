import type { Source } from '#plugins/source';
import { SOURCES } from '#plugins/sources/sources';
import type { Trigger } from '#plugins/trigger';
import { TRIGGERS } from '#plugins/triggers/triggers';
import { VENDORS } from '#plugins/vendors/vendors';
import type { Parts } from '#process/open-process';
import type { Endpoint } from '#runtime/endpoints';
import { startHttp, type Stoppable } from '#runtime/start';
import { openDataSource } from '#store/data-source';
import { createApi } from './create-api.js';

export interface ApiPlugins {
  readonly sources: readonly Source[];
  readonly triggers: readonly Trigger[];
}

/** Listens for people and their tools; open streams are cut when it stops. Tests bring plugins of their own. */
export async function startApi(
  parts: Parts,
  plugins: ApiPlugins = { sources: SOURCES, triggers: TRIGGERS },
): Promise<{ endpoint: Endpoint; stoppable: Stoppable }> {
  const { config } = parts;
  const reads = await openDataSource(parts.store.pool);
  const app = await createApi({ ...parts, reads, plugins: { ...plugins, vendors: VENDORS }, clock: () => new Date() });
  const endpoint = await startHttp(app, { host: config.bind, port: config.apiPort, variable: 'TINYFORGE_API_PORT' });
  return { endpoint, stoppable: { name: 'api', stop: () => app.close() } };
}
