import type { Docker } from '#docker/docker';
import type { Http } from '#plugins/http';
import type { Source } from '#plugins/source';
import type { Trigger } from '#plugins/trigger';
import type { Queues } from '#queue/queues';
import type { Logger } from '#runtime/logging';
import type { Secrets } from '#store/secrets';
import type { Store } from '#store/store';
import type { ComposeCli } from './compose-cli.js';
import type { PortRange } from './ports.js';

/** What a deploy worker is made of; made once per process and handed in. */
export interface WorkerDeps {
  readonly store: Store;
  readonly secrets: Secrets;
  readonly queues: Queues;
  readonly docker: Docker;
  readonly http: Http;
  readonly plugins: { readonly sources: readonly Source[]; readonly triggers: readonly Trigger[] };
  readonly logger: Logger;
  readonly node: string;
  /** Marks what is made in Docker. */
  readonly installation: string;
  /** Names this process in leases and events: unique per process. */
  readonly owner: string;
  readonly lease: {
    readonly leaseMs: number;
    readonly renewMs: number;
    readonly trustMs: number;
    readonly sweepMs: number;
  };
  readonly portRange: PortRange;
  /** Private networks are blocks of it. */
  readonly subnetPool: string;
  readonly routesDirectory: string;
  /** Absolute; a directory below it for each deployment that needs one. */
  readonly workDirectory: string;
  readonly composeCli: ComposeCli;
  /** Absolute; a directory below it for each workload of several services. */
  readonly composeDirectory: string;
  /** The proxy does not read route files: each switch waits for the keeper to render it. */
  readonly rendersSwitches?: boolean;
  /** On the host: no volume may open them to a container. */
  readonly protectedPaths: readonly string[];
  /** Deployments at a time. */
  readonly concurrency: number;
  /** Fires when the process is asked to end: a deployment at hand stops at its next step boundary. */
  readonly stopping?: AbortSignal;
}
