import type { NodeEvent } from '#domain/node';
import type { Statement } from '../statement.js';
import type { Projected } from './project.js';
import { insert, remove, update } from './row.js';

export function projectNode(event: Projected<NodeEvent>): readonly Statement[] {
  const { id: name, version, at } = event;
  const change = (row: Readonly<Record<string, unknown>>) => [
    update('view.node', { name }, { ...row, version, updated_at: at }),
  ];
  switch (event.type) {
    case 'NodeJoined': {
      const { engine } = event.data;
      return [insert('view.node', { name, engine, silent_since: null, version, joined_at: at, updated_at: at })];
    }
    case 'NodeChanged':
      return change({ engine: event.data.engine });
    case 'NodeSilent':
      return change({ silent_since: event.data.since });
    case 'NodeBack':
      return change({ silent_since: null });
    case 'NodeForgotten':
      return [remove('view.node', { name })];
  }
}
