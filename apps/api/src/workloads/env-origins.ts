import type { DataSource } from 'typeorm';
import type { Env } from '#domain/workload';

/** Where the value of a variable comes from. The workload's own wins over what the image sets. */
export interface EnvOrigin {
  readonly origin: 'workload' | 'image';
  /** What it hides. */
  readonly shadows: 'image' | null;
}

/** Pure: every variable that the container has, by the names that the image sets and the workload's own. */
export function originsOf(env: Env, imageKeys: readonly string[]): Record<string, EnvOrigin> {
  const own = Object.keys(env).map((key): [string, EnvOrigin] => {
    return [key, { origin: 'workload', shadows: imageKeys.includes(key) ? 'image' : null }];
  });
  const image = imageKeys.map((key): [string, EnvOrigin] => [key, { origin: 'image', shadows: null }]);
  return Object.fromEntries([...image, ...own]);
}

/** Names that the image of the current deployment sets; none before the first one. */
export async function imageKeysOf(reads: DataSource, deploymentId: string | null): Promise<readonly string[]> {
  if (deploymentId === null) return [];
  const sql = `select facts->'imageEnv' as keys from view.deployment where id = $1`;
  const rows: { keys: readonly string[] | null }[] = await reads.query(sql, [deploymentId]);
  return rows[0]?.keys ?? [];
}

/** One change of the variables: who made it, and the names that it set or removed. Values are not in it. */
export interface EnvChange {
  readonly version: number;
  readonly setBy: string;
  readonly setAt: string;
  readonly change: 'set' | 'removed';
  readonly keys: readonly string[];
}

/** Newest first, those before `below`. */
export async function envChanges(
  reads: DataSource,
  workloadId: string,
  { limit, below }: { limit: number; below: number },
): Promise<EnvChange[]> {
  const rows: { version: number; type: string; data: { env?: Env; key?: string }; actor: string; at: Date }[] =
    await reads.query(
      `select version, type, data, metadata->>'actor' as actor, occurred_at as at from log.event
        where stream = $1 and type in ('EnvSet', 'EnvUnset') and version < $2 order by version desc limit $3`,
      [`workload-${workloadId}`, below, limit],
    );
  return rows.map(({ version, type, data, actor, at }) => ({
    version,
    setBy: actor,
    setAt: at.toISOString(),
    change: type === 'EnvSet' ? 'set' : 'removed',
    // jsonb has an order of its own.
    keys: Object.keys(data.env ?? { [data.key!]: null }).sort(),
  }));
}
