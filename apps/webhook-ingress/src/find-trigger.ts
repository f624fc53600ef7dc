import type { Pool } from 'pg';
import type { SecretRef } from '#domain/secret-ref';

/** What the ingress has to know of a trigger. */
export interface WebhookTrigger {
  readonly id: string;
  readonly kind: string;
  readonly webhookEnabled: boolean;
  readonly vendor: string | null;
  readonly signingSecret: SecretRef | null;
  readonly version: number;
}

const CACHE_MS = 2_000;
const MOST_CACHED = 10_000;

/** By the SHA-256 of the URL secret. Hits are kept for 2 s; misses never, so that nobody fills the cache with guesses. */
export function createTriggerFinder(pool: Pool, now: () => number = Date.now) {
  const cache = new Map<string, { until: number; trigger: WebhookTrigger }>();
  return async (secretHash: string): Promise<WebhookTrigger | null> => {
    const kept = cache.get(secretHash);
    if (kept !== undefined && kept.until > now()) return kept.trigger;
    const trigger = await query(pool, secretHash);
    cache.delete(secretHash);
    if (trigger === null) return null;
    if (cache.size >= MOST_CACHED) cache.clear();
    cache.set(secretHash, { until: now() + CACHE_MS, trigger });
    return trigger;
  };
}

async function query(pool: Pool, secretHash: string): Promise<WebhookTrigger | null> {
  const { rows } = await pool.query<WebhookTrigger>({
    name: 'trigger-by-secret',
    text: `select id, kind, webhook_enabled as "webhookEnabled", vendor, signing_secret as "signingSecret", version
      from view.trigger
      where url_secret_hash = $1 or (previous_secret_hash = $1 and previous_until > now())`,
    values: [secretHash],
  });
  return rows[0] ?? null;
}
