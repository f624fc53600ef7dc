/** All that an event may say about a secret: which, which version, and a keyed hash to compare by. */
export interface SecretRef {
  readonly secretId: string;
  readonly version: number;
  readonly fingerprint: string;
}
