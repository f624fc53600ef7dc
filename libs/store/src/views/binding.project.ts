import type { BindingEvent } from '#domain/binding';
import type { Statement } from '../statement.js';
import type { Projected } from './project.js';
import { insert, remove, update, updateTogether } from './row.js';

export function projectBinding(event: Projected<BindingEvent>): readonly Statement[] {
  const { id, version, at } = event;
  const change = (row: Record<string, unknown>) => update('view.binding', { id }, { ...row, version, updated_at: at });
  switch (event.type) {
    case 'BindingCreated': {
      const { triggerId, workloadId, override, enabled } = event.data;
      const row = { id, trigger_id: triggerId, workload_id: workloadId, override, enabled };
      return [insert('view.binding', { ...row, version, created_at: at, updated_at: at })];
    }
    case 'BindingChanged':
      return [change({ override: event.data.override, enabled: event.data.enabled })];
    case 'CandidateAccepted':
    case 'TriggerBaselined':
      return [updateTogether('view.binding', id, { last: event.data.accepted, version, updated_at: at })];
    case 'BindingRemoved':
      return [remove('view.binding', { id })];
  }
}
