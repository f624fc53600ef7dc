import type { PersonEvent } from '#domain/person';
import type { RegistryEvent } from '#domain/registry';
import type { SettingsEvent } from '#domain/settings';
import type { TokenEvent } from '#domain/token';
import type { Statement } from '../statement.js';
import type { Projected } from './project.js';
import { insert, remove, update } from './row.js';

export function projectRegistry(event: Projected<RegistryEvent>): readonly Statement[] {
  const { id, version, at } = event;
  switch (event.type) {
    case 'RegistryCreated': {
      const { name, host, username, password, kind, insecure } = event.data;
      return [
        insert('view.registry', {
          id,
          name,
          host,
          username,
          password,
          kind,
          insecure,
          version,
          created_at: at,
          updated_at: at,
        }),
      ];
    }
    case 'RegistryChanged':
      return [update('view.registry', { id }, { ...event.data, version, updated_at: at })];
    case 'RegistryDeleted':
      return [remove('view.registry', { id })];
  }
}

export function projectPerson(event: Projected<PersonEvent>): readonly Statement[] {
  const { id, version, at, data } = event;
  return [insert('view.person', { id, role: data.role, version, created_at: at })];
}

export function projectToken(event: Projected<TokenEvent>): readonly Statement[] {
  const { id, version, at } = event;
  switch (event.type) {
    case 'TokenCreated': {
      const { name, role, hash, prefix, workloadIds, expiresAt } = event.data;
      const ids = workloadIds === null ? null : JSON.stringify(workloadIds);
      return [
        insert('view.token', {
          id,
          name,
          role,
          hash,
          prefix,
          workload_ids: ids,
          expires_at: expiresAt,
          version,
          created_at: at,
        }),
      ];
    }
    case 'TokenRevoked':
      return [update('view.token', { id }, { revoked_at: at, version })];
  }
}

export function projectSettings(event: Projected<SettingsEvent>): readonly Statement[] {
  const { id, version, at, data } = event;
  return [
    {
      text: `insert into view.settings (id, data, version, updated_at) values ($1, $2, $3, $4)
        on conflict (id) do update set data = view.settings.data || $2, version = $3, updated_at = $4`,
      values: [id, JSON.stringify(data), version, at],
    },
  ];
}
