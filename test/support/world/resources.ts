import { readdirSync, readFileSync } from 'node:fs';
import { ROLES, type Role } from './processes.js';
import type { World } from './world.js';

interface Use {
  readonly pid: number;
  readonly files: number;
  readonly rssMb: number;
}

const MORE_FILES = 40;
const MORE_MB = 200;
/** Ten of the store, one sequencer, and what a process adds for itself. */
const MOST_CONNECTIONS = 14;

/** I12: what a process holds when all is quiet, against what the same one held when it was quiet first. */
export class Resources {
  readonly #baseline = new Map<number, Use>();

  async broken(world: World): Promise<readonly string[]> {
    const broken = ROLES.flatMap((role) => this.#compare(role, use(world.processes.pid(role))));
    const { rows } = await world.store.pool.query<{ who: string; count: number }>(
      `select application_name as who, count(*)::int as count from pg_stat_activity
        where datname = current_database() and application_name <> 'test' group by 1`,
    );
    for (const { who, count } of rows)
      if (count > MOST_CONNECTIONS * (who === 'deploy-worker' ? 2 : 1) + 4)
        broken.push(`I12: ${count} connections to Postgres as ${who}`);
    return broken;
  }

  #compare(role: Role, now: Use | null): string[] {
    if (now === null) return [];
    const before = this.#baseline.get(now.pid);
    if (before === undefined) {
      this.#baseline.set(now.pid, now);
      return [];
    }
    return [
      ...(now.files > before.files + MORE_FILES ? [`I12: ${role} holds ${now.files} files, was ${before.files}`] : []),
      ...(now.rssMb > before.rssMb + MORE_MB ? [`I12: ${role} takes ${now.rssMb} MB, was ${before.rssMb}`] : []),
    ];
  }
}

function use(pid: number): Use | null {
  try {
    const pages = Number(readFileSync(`/proc/${pid}/statm`, 'utf8').split(' ')[1]);
    return { pid, files: readdirSync(`/proc/${pid}/fd`).length, rssMb: Math.round((pages * 4096) / 2 ** 20) };
  } catch {
    return null; // It is just being replaced.
  }
}
