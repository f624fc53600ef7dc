import type { Pool } from 'pg';
import type { SecretRef } from '#domain/secret-ref';
import type { Secrets } from '#store/secrets';

/** What the ingress has to know of a trigger. */
export interface WebhookTrigger {
  readonly id: string;
  readonly kind: string;
  readonly webhookEnabled: boolean;
  readonly vendor: string | null;
  /** In clear; null = deliveries are not signed. */
  readonly signingSecret: string | null;
  readonly version: number;
}

const CACHE_MS = 2_000;
const MOST_CACHED = 10_000;

/**
 * By the SHA-256 of the URL secret. Hits are kept for 2 s, a rotated secret no longer than its overlap; misses never, so
 * that nobody fills the cache with guesses. `afresh` asks in any case.
 */
export function createTriggerFinder(pool: Pool, secrets: Pick<Secrets, 'open'>, now: () => number = Date.now) {
  const cache = new Map<string, { until: number; trigger: WebhookTrigger }>();
  return async (secretHash: string, afresh = false): Promise<WebhookTrigger | null> => {
    const kept = cache.get(secretHash);
    if (!afresh && kept !== undefined && kept.until > now()) return kept.trigger;
    const found = await query(pool, secretHash);
    cache.delete(secretHash);
    if (found === null) return null;
    if (cache.size >= MOST_CACHED) cache.clear();
    const { overlapUntil, signingRef, ...rest } = found;
    const trigger = { ...rest, signingSecret: signingRef === null ? null : await secrets.open(signingRef) };
    cache.set(secretHash, { until: Math.min(now() + CACHE_MS, overlapUntil?.getTime() ?? Infinity), trigger });
    return trigger;
  };
}

interface Found extends Omit<WebhookTrigger, 'signingSecret'> {
  readonly signingRef: SecretRef | null;
  /** Set when the secret is the one before the rotation. */
  readonly overlapUntil: Date | null;
}

async function query(pool: Pool, secretHash: string): Promise<Found | null> {
  const { rows } = await pool.query<Found>({
    name: 'trigger-by-secret',
    text: `select id, kind, webhook_enabled as "webhookEnabled", vendor, signing_secret as "signingRef", version,
        case when url_secret_hash = $1 then null else previous_until end as "overlapUntil"
      from view.trigger
      where url_secret_hash = $1 or (previous_secret_hash = $1 and previous_until > now())`,
    values: [secretHash],
  });
  return rows[0] ?? null;
}
