import { DEFAULT_SETTINGS, SETTINGS_ID, type Settings } from '#domain/settings';
import type { Store } from './store.js';

/** The settings as they are now, defaults filled in. */
export async function readSettings(store: Store): Promise<Settings> {
  const { rows } = await store.pool.query<{ data: Partial<Settings> }>({
    name: 'settings',
    text: 'select data from view.settings where id = $1',
    values: [SETTINGS_ID],
  });
  return { ...DEFAULT_SETTINGS, ...rows[0]?.data };
}
