import type { Pool } from 'pg';

/** `tf-<name>-<workload8>-<deployment8>-<instance>` */
const NAME = /-([0-9a-f]{8})-\d+$/;

/**
 * Gives back the ports of containers that are no more and whose deployment has ended: somebody removed them by hand. Two
 * queries at most, the second only when there is something to look into.
 */
export async function releasePorts(pool: Pool, node: string, present: readonly string[]): Promise<number> {
  const { rows } = await pool.query<{ name: string }>({
    name: 'stale-ports',
    text: `select distinct container_name as name from state.port
      where node = $1 and container_port > 0 and not (container_name = any($2::text[]))`,
    values: [node, present],
  });
  const byDeployment = Map.groupBy(rows, ({ name }) => NAME.exec(name)?.[1] ?? '');
  const ids = [...byDeployment.keys()].filter((id) => id !== '');
  if (ids.length === 0) return 0;
  // A deployment that goes on may be about to make the container of its port.
  const { rowCount } = await pool.query(
    `delete from state.port p where p.node = $1 and p.container_name = any($2::text[])
      and not exists (select from view.deployment d
        where d.node = $1 and d.is_unfinished and p.container_name ~ ('-' || right(replace(d.id::text, '-', ''), 8) || '-[0-9]+$'))`,
    [node, ids.flatMap((id) => byDeployment.get(id)!.map(({ name }) => name))],
  );
  return rowCount ?? 0;
}
