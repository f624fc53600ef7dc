import type { Http } from '#plugins/http';
import type { ResolveIo } from '#plugins/source';
import { registryAccess } from '#store/registry-access';
import type { Secrets } from '#store/secrets';
import { readSettings } from '#store/settings';
import type { Store } from '#store/store';

export interface Outside {
  readonly store: Store;
  readonly secrets: Secrets;
  readonly http: Http;
}

/** What a source may ask of the outside world when it resolves a reference. */
export function createResolveIo({ store, secrets, http }: Outside, signal: AbortSignal): ResolveIo {
  return {
    http,
    registry: (host, name) => registryAccess({ pool: store.pool, secrets }, host, name),
    secret: (ref) => secrets.open(ref),
    settings: () => readSettings(store),
    signal,
  };
}
