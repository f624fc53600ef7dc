import type { DataSource } from 'typeorm';
import { DEFAULT_SETTINGS, SETTINGS_ID, type Settings } from '#domain/settings';
import { SettingsRow } from '#store/views/record.entity';

/** The settings with their defaults; version 0 = never changed. */
export async function readSettings(reads: DataSource): Promise<{ settings: Settings; version: number }> {
  const row = await reads.getRepository(SettingsRow).findOneBy({ id: SETTINGS_ID });
  return { settings: { ...DEFAULT_SETTINGS, ...row?.data }, version: row?.version ?? 0 };
}
