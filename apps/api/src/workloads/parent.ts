import type { DataSource } from 'typeorm';
import { Rejection } from '#domain/errors';

const MOST_STAGES = 50;

/** Throws `unknown-parent`, or `parent-cycle` when the workload stands above its new parent. */
export async function requireParent(reads: DataSource, id: string, parentId: string): Promise<void> {
  const above: { id: string }[] = await reads.query(
    `with recursive chain as (
      select id, parent_id, 1 as depth from view.workload where id = $1 and lifecycle = 'present'
      union all
      select w.id, w.parent_id, depth + 1 from view.workload w join chain c on w.id = c.parent_id where depth < $2
    ) select id from chain`,
    [parentId, MOST_STAGES],
  );
  const wrong = (detail: string) => [{ pointer: '/parentId', detail }];
  if (above.length === 0) {
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
