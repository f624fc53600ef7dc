import { Inject, Injectable } from '@nestjs/common';
import { Rejection, RetryableError } from '#domain/errors';
import { checkConfig } from '#plugins/config';
import type { Wish } from '#plugins/inbound';
import type { Artifact, Http, Source } from '#plugins/source';
import { registryAccess } from '#store/registry-access';
import type { Secrets } from '#store/secrets';
import type { Store } from '#store/store';
import type { Workload } from '#store/views/workload.entity';
import { HTTP, PLUGINS, SECRETS, STORE, type Plugins } from '../dependencies.js';
import { invalidConfig, requireSource } from './check-workload.js';

/** What a request may wait for a registry. */
const DEADLINE_MS = 5_000;

export interface Resolved {
  readonly source: Source;
  readonly config: object;
  readonly artifact: Artifact;
}

/** Asks the outside world what a wish means for a workload; stores nothing. */
@Injectable()
export class ResolveArtifact {
  constructor(
    @Inject(STORE) private readonly store: Store,
    @Inject(SECRETS) private readonly secrets: Secrets,
    @Inject(HTTP) private readonly http: Http,
    @Inject(PLUGINS) private readonly plugins: Plugins,
  ) {}

  /** Throws `registry-unreachable`, `registry-denied` (502), `no-such-tag` (422), or the source's reason to skip. */
  async resolve(row: Pick<Workload, 'sourceKind' | 'sourceConfig'>, wish: Wish): Promise<Resolved> {
    const source = requireSource(this.plugins, row.sourceKind);
    const { value: config, errors } = checkConfig(source.config, row.sourceConfig, '/sourceConfig');
    if (errors.length > 0) throw invalidConfig(errors);
    const ref = source.reference(wish, config);
    if ('skip' in ref) throw new Rejection(ref.skip, ref.reason);
    const signal = AbortSignal.timeout(DEADLINE_MS);
    const io = {
      http: this.http,
      signal,
      registry: (host: string, name: string | null) =>
        registryAccess({ pool: this.store.pool, secrets: this.secrets }, host, name),
    };
    const artifact = await source.resolve(ref, io).catch((error: unknown) => {
      if (!signal.aborted) throw error;
      const message = `${ref.host} did not answer within ${DEADLINE_MS / 1000} s. Check that it runs, or name a digest.`;
      throw new RetryableError('registry-unreachable', message);
    });
    return { source, config, artifact };
  }
}
