import { createHmac, randomUUID } from 'node:crypto';
import type { Pool } from 'pg';
import type { SecretRef } from '#domain/secret-ref';
import { TerminalError } from '#domain/errors';
import { openEnvelope, sealEnvelope, type Envelope } from './envelope.js';
import type { MasterKey } from './master-key.js';
import type { Statement } from './statement.js';

export interface Sealed {
  /** For the `extra` of the commit whose event holds the ref. */
  readonly statement: Statement;
  readonly ref: SecretRef;
}

export interface Secrets {
  /** A new secret, or the next version of one. */
  seal(plain: string, at?: { readonly secretId: string; readonly version: number }): Sealed;
  open(ref: Pick<SecretRef, 'secretId' | 'version'>): Promise<string>;
  /** Keyed hash to compare by; useless without the master key. */
  fingerprint(plain: string): string;
  /** All versions, for ever. */
  shred(secretId: string): Promise<void>;
  /** The body of a delivery and what is personal in it. */
  sealBody(body: { readonly deliveryId: string; readonly plain: Buffer; readonly expiresAt: string }): Statement;
  /** Null once it expired. */
  openBody(deliveryId: string): Promise<Buffer | null>;
}

export function createSecrets(pool: Pool, key: MasterKey): Secrets {
  const fingerprintKey = key.derive('fingerprint');
  const fingerprint = (plain: string) => createHmac('sha256', fingerprintKey).update(plain).digest('hex').slice(0, 32);
  return {
    fingerprint,
    seal(plain, at = { secretId: randomUUID(), version: 1 }) {
      const envelope = sealEnvelope(key, secretRow(at), Buffer.from(plain));
      const ref = { ...at, fingerprint: fingerprint(plain) };
      return { ref, statement: insertSecret(ref, envelope) };
    },
    async open(ref) {
      const { rows } = await pool.query<EnvelopeRow>(
        'select key_id, wrapped_key, nonce, ciphertext from state.secret where id = $1 and version = $2',
        [ref.secretId, ref.version],
      );
      if (!rows[0])
        throw new TerminalError(
          'secret-gone',
          `Secret ${ref.secretId} version ${ref.version} was deleted. Enter it again.`,
          'operator',
        );
      return unsealed(key, secretRow(ref), rows[0]).toString('utf8');
    },
    async shred(secretId) {
      await pool.query('delete from state.secret where id = $1', [secretId]);
    },
    sealBody: ({ deliveryId, plain, expiresAt }) =>
      insertBody(deliveryId, sealEnvelope(key, bodyRow(deliveryId), plain), expiresAt),
    async openBody(deliveryId) {
      const { rows } = await pool.query<EnvelopeRow>(
        'select key_id, wrapped_key, nonce, ciphertext from state.delivery_body where delivery_id = $1 and expires_at > now()',
        [deliveryId],
      );
      return rows[0] ? unsealed(key, bodyRow(deliveryId), rows[0]) : null;
    },
  };
}

export function secretRow({ secretId, version }: { secretId: string; version: number }): string {
  return `secret|${secretId}|${version}`;
}

export function bodyRow(deliveryId: string): string {
  return `delivery-body|${deliveryId}`;
}

export interface EnvelopeRow {
  readonly key_id: string;
  readonly wrapped_key: Buffer;
  readonly nonce: Buffer;
  readonly ciphertext: Buffer;
}

function unsealed(key: MasterKey, row: string, { key_id, wrapped_key, nonce, ciphertext }: EnvelopeRow): Buffer {
  try {
    return openEnvelope(key, row, { keyId: key_id, wrappedKey: wrapped_key, nonce, ciphertext });
  } catch {
    const why = key_id === key.id ? 'it was changed or moved' : 'it was sealed with another master key';
    throw new TerminalError(
      'secret-unreadable',
      `A secret cannot be opened: ${why}. Enter it again, or restore the master key.`,
      'operator',
    );
  }
}

function insertSecret(
  { secretId, version, fingerprint }: SecretRef,
  { keyId, wrappedKey, nonce, ciphertext }: Envelope,
): Statement {
  return {
    text: `insert into state.secret (id, version, key_id, wrapped_key, nonce, ciphertext, fingerprint) values ($1, $2, $3, $4, $5, $6, $7)`,
    values: [secretId, version, keyId, wrappedKey, nonce, ciphertext, fingerprint],
  };
}

function insertBody(
  deliveryId: string,
  { keyId, wrappedKey, nonce, ciphertext }: Envelope,
  expiresAt: string,
): Statement {
  return {
    text: `insert into state.delivery_body (delivery_id, key_id, wrapped_key, nonce, ciphertext, expires_at) values ($1, $2, $3, $4, $5, $6)`,
    values: [deliveryId, keyId, wrappedKey, nonce, ciphertext, expiresAt],
  };
}
