import { Inject, Injectable } from '@nestjs/common';
import { Rejection, RetryableError } from '#domain/errors';
import { createResolveIo } from '#process/resolve-io';
import { checkConfig } from '#plugins/config';
import type { Wish } from '#plugins/inbound';
import type { Http } from '#plugins/http';
import type { Artifact, Source } from '#plugins/source';
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
    const io = createResolveIo({ store: this.store, secrets: this.secrets, http: this.http }, signal);
    const artifact = await source.resolve(ref, io).catch((error: unknown) => {
      if (!signal.aborted) throw error;
      const [code, version] = ref.git ? ['provider-unreachable', 'commit'] : ['registry-unreachable', 'digest'];
      const message = `${ref.host} did not answer within ${DEADLINE_MS / 1000} s. Check that it runs, or name a ${version}.`;
      throw new RetryableError(code, message);
    });
    return { source, config, artifact };
  }
}
