import type { Release } from '#plugins/source';
import type { Client } from '../support/client.js';

/** What a source brings to be held to the contract of `Source`: one file, `test/conformance/sources/<kind>.ts`. */
export interface SourceFixture {
  readonly kind: string;
  /** The fewest fields that make a config. */
  readonly smallest: object;
  /** Accepted as they are. */
  readonly valid: readonly object[];
  /** Refused, naming that field; JSON Pointers. */
  readonly invalid: readonly (readonly [pointer: string, config: object])[];
  /** Artifacts of two versions, for what is pure. */
  readonly artifacts: readonly [Release['artifact'], Release['artifact']];
  /** For the whole way on a real engine. */
  open(stage: SourceStage): Promise<SourceSubject>;
}

export interface SourceStage {
  readonly dockerHost: string;
  readonly client: Client;
}

/** The name of the variable that holds a secret; a subject's programs print its value wherever a user's might. */
export const SECRET_NAME = 'TOKEN';

export interface SourceSubject {
  /** Of the workload. Its face answers with the version's name; it waits for nothing longer than it must. */
  readonly config: object;
  /**
   * Makes a version available and resolves to what `POST …/deploy` names it by. A bad one cannot be brought up: its
   * deployment fails before the switch.
   */
  publish(version: string, quality: 'good' | 'bad'): Promise<object>;
  /** Whether something of it prints the secret while it is deployed, or runs: then its lines have it blanked. */
  readonly printsSecret: boolean;
  /** Takes away what `publish` made. */
  close(): Promise<void>;
}
