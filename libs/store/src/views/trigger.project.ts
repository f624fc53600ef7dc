import type { TriggerEvent } from '#domain/trigger';
import type { Statement } from '../statement.js';
import type { Projected } from './project.js';
import { insert, remove, update } from './row.js';

export function projectTrigger(event: Projected<TriggerEvent>): readonly Statement[] {
  const { id, version, at } = event;
  const change = (row: Record<string, unknown>) => update('view.trigger', { id }, { ...row, version, updated_at: at });
  switch (event.type) {
    case 'TriggerCreated': {
      const { kind, name, config, webhookEnabled, vendor, urlSecret, signingSecret } = event.data;
      const webhook = {
        webhook_enabled: webhookEnabled,
        vendor,
        url_secret_hash: urlSecret.hash,
        url_secret: urlSecret.ref,
      };
      const row = { id, kind, name, config, ...webhook, signing_secret: signingSecret };
      return [insert('view.trigger', { ...row, version, created_at: at, updated_at: at })];
    }
    case 'TriggerChanged': {
      const { name, config, webhookEnabled, vendor, signingSecret } = event.data;
      return [change({ name, config, webhook_enabled: webhookEnabled, vendor, signing_secret: signingSecret })];
    }
    case 'TriggerSecretRotated': {
      const { urlSecret, previous, previousUntil } = event.data;
      const current = { url_secret_hash: urlSecret.hash, url_secret: urlSecret.ref };
      return [change({ ...current, previous_secret_hash: previous.hash, previous_until: previousUntil })];
    }
    case 'TriggerDeleted':
      return [remove('view.trigger', { id })];
  }
}
