import type { DataSource } from 'typeorm';
import { Rejection } from '#domain/errors';
import type { Statement } from '#store/statement';
import type { Identity } from '../access/identity.js';

const MOST_STAGES = 50;

/** Throws `unknown-parent`, or `parent-cycle` when the workload stands above its new parent. */
export async function requireParent(
  reads: DataSource,
  who: Identity,
  { id, parentId }: { readonly id: string; readonly parentId: string },
): Promise<void> {
  const above: { id: string }[] = await reads.query(
    `with recursive chain as (
      select id, parent_id, 1 as depth from view.workload where id = $1 and lifecycle = 'present'
      union all
      select w.id, w.parent_id, depth + 1 from view.workload w join chain c on w.id = c.parent_id where depth < $2
    ) select id from chain`,
    [parentId, MOST_STAGES],
  );
  const wrong = (detail: string) => [{ pointer: '/parentId', detail }];
  const isVisible = who.workloadIds === null || who.workloadIds.includes(parentId);
  if (above.length === 0 || !isVisible) {
    throw new Rejection(
      'unknown-parent',
      'There is no workload with the id of the parent.',
      wrong('must be the id of a workload'),
    );
  }
  if (parentId === id || above.some((row) => row.id === id)) {
    throw new Rejection(
      'parent-cycle',
      'The workload would be its own parent.',
      wrong('must not lead back to the workload'),
    );
  }
}

/** The same inside the commit, for two that change stages at once. */
export function parentStands(id: string, parentId: string | null | undefined): readonly Statement[] {
  return parentId ? [{ text: 'select log.assert_parent($1, $2)', values: [id, parentId] }] : [];
}

/** Nobody became its child since one looked. */
export function standsAlone(id: string): Statement {
  return { text: 'select log.assert_childless($1)', values: [id] };
}
