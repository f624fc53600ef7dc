import { Redis } from 'ioredis';
import type { World } from './world.js';

/** Planted where a user would put them. */
export const SECRETS = {
  env: 'CANARY-env-3f9a1c',
  registry: 'CANARY-registry-77d0b2',
  signing: 'CANARY-signing-5e61aa',
} as const;

const MARK = 'CANARY-';

/** Whoever shows a planted secret. */
export class SecretWatch {
  readonly #found = new Set<string>();
  readonly #ends = new Map<string, string>();

  /** Texts of one place may come in pieces. */
  look(where: string, text: string): void {
    const whole = (this.#ends.get(where) ?? '') + text;
    const at = whole.indexOf(MARK);
    if (at >= 0) this.#found.add(`${where}: …${whole.slice(Math.max(0, at - 60), at + MARK.length)}…`);
    this.#ends.set(where, whole.slice(-MARK.length + 1));
  }

  take(): readonly string[] {
    const found = [...this.#found];
    this.#found.clear();
    return found;
  }
}

const PAGES = [
  '/workloads',
  '/registries',
  '/triggers',
  '/events?limit=200',
  '/deployments',
  '/deliveries',
  '/settings',
];

/** Every row of every table, every key of Redis, every label, and what the API answers. */
export async function lookEverywhere(world: World): Promise<void> {
  const { secrets, store } = world;
  const tables = await store.pool.query<{ name: string }>(
    `select format('%I.%I', table_schema, table_name) as name from information_schema.tables
      where table_type = 'BASE TABLE' and table_schema not in ('pg_catalog', 'information_schema')`,
  );
  for (const { name } of tables.rows) {
    const { rows } = await store.pool.query<{ text: string }>(
      `select t::text as text from ${name} t where t::text like $1 limit 1`,
      [`%${MARK}%`],
    );
    for (const { text } of rows) secrets.look(`table ${name}`, text);
  }
  await lookAtRedis(world);
  for (const path of PAGES) secrets.look(`GET ${path}`, JSON.stringify((await world.api.ask({ path })).body));
  for (const { id } of world.workloads.slice(0, 2))
    for (const path of [`/workloads/${id}`, `/workloads/${id}/env`])
      secrets.look(`GET ${path}`, JSON.stringify((await world.api.ask({ path })).body));
}

async function lookAtRedis({ redis, secrets }: World): Promise<void> {
  const client = new Redis(redis.url);
  try {
    const texts = await client.eval(
      `local out = {}
      for _, key in ipairs(redis.call('KEYS', '*')) do
        local kind = redis.call('TYPE', key).ok
        local value
        if kind == 'string' then value = redis.call('GET', key)
        elseif kind == 'hash' then value = cjson.encode(redis.call('HGETALL', key))
        elseif kind == 'list' then value = cjson.encode(redis.call('LRANGE', key, 0, -1))
        elseif kind == 'set' then value = cjson.encode(redis.call('SMEMBERS', key))
        elseif kind == 'zset' then value = cjson.encode(redis.call('ZRANGE', key, 0, -1))
        else value = cjson.encode(redis.call('XRANGE', key, '-', '+')) end
        if string.find(key .. value, '${MARK.replace('-', '%-')}') then table.insert(out, key .. value) end
      end
      return out`,
      0,
    );
    for (const text of texts as string[]) secrets.look('redis', text);
  } finally {
    client.disconnect();
  }
}
