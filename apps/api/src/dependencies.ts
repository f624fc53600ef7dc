import type { Registry as Metrics } from 'prom-client';
import type { DataSource } from 'typeorm';
import type { Vendor } from '#plugins/inbound';
import type { Http } from '#plugins/http';
import type { Source } from '#plugins/source';
import type { Trigger } from '#plugins/trigger';
import type { Config } from '#runtime/config';
import type { Health } from '#runtime/health';
import type { Logger } from '#runtime/logging';
import type { Secrets } from '#store/secrets';
import type { Sequencer } from '#store/sequencer';
import type { Store } from '#store/store';

/** The plugins that this instance was started with. */
export interface Plugins {
  readonly sources: readonly Source[];
  readonly triggers: readonly Trigger[];
  readonly vendors: readonly Vendor[];
}

/** Made once per process and handed in: all-in-one shares them between its apps. */
export interface ApiDependencies {
  readonly store: Store;
  /** TypeORM over the store's pool, for reading. */
  readonly reads: DataSource;
  readonly secrets: Secrets;
  readonly sequencer: Pick<Sequencer, 'onAdvance'>;
  readonly plugins: Plugins;
  readonly config: Config;
  readonly http: Http;
  readonly logger: Logger;
  readonly health: Health;
  readonly metrics: Metrics;
  readonly clock: () => Date;
}

/** Injection tokens. */
export const STORE = Symbol('store');
export const READS = Symbol('reads');
export const SECRETS = Symbol('secrets');
export const SEQUENCER = Symbol('sequencer');
export const PLUGINS = Symbol('plugins');
export const CONFIG = Symbol('config');
export const HTTP = Symbol('http');
export const CLOCK = Symbol('clock');
