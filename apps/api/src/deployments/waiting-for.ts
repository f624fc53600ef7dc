import { ApiProperty } from '@nestjs/swagger';
import type { DataSource } from 'typeorm';
import type { Deployment } from '#store/views/deployment.entity';

export class WaitingFor {
  @ApiProperty({ enum: ['node-unserved'] }) code: 'node-unserved';
  @ApiProperty({ example: 'No deploy worker serves node berlin; nothing was ever heard of it. Start one there.' })
  message: string;
}

/** What an unfinished deployment waits for although nothing is wrong with it; null = it goes on by itself. */
export async function waitingFor(reads: DataSource, row: Deployment): Promise<WaitingFor | null> {
  if (!row.isUnfinished) return null;
  const rows: { served: boolean | null; seenAt: Date | null }[] = await reads.query(
    `select bool_or(left_at is null and silent_at > clock_timestamp()) as served, max(seen_at) as "seenAt"
      from state.heartbeat where node = $1 and role = 'deploy-worker'`,
    [row.node],
  );
  const { served = null, seenAt = null } = rows[0] ?? {};
  if (served === true) return null;
  const last = seenAt === null ? 'nothing was ever heard of one' : `the last one was heard at ${seenAt.toISOString()}`;
  const message = `No deploy worker serves node ${row.node}; ${last}. It goes on as soon as one is started there.`;
  return { code: 'node-unserved', message };
}
