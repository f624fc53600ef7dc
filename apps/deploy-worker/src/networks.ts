import type { Pool, PoolClient } from 'pg';
import type { Docker } from '#docker/docker';
import { TerminalError } from '#domain/errors';
import { LABELS, NETWORK_LABEL, privateNetworkName } from '#domain/naming';

export interface NetworkDeps {
  readonly pool: Pool;
  readonly docker: Docker;
  readonly node: string;
  readonly installation: string;
  /** What the blocks are cut from, such as `10.214.0.0/16`. */
  readonly subnetPool: string;
}

/** A block has room for 61 containers: at a switch the old ones and the new ones stand in it. It cannot grow while used. */
const BLOCK_BITS = 26;
/** Blocks of strangers that are met until somebody has to look at the pool. */
const MOST_TRIES = 64;

/** Private networks of a node. Our own blocks, because an engine's pools end at some thirty networks. */
export function createNetworks(deps: NetworkDeps) {
  return {
    /** Docker's name of the network, which is there afterwards. Whoever asks is recorded as a user of it before. */
    join: (name: string, signal?: AbortSignal): Promise<string> =>
      inTransaction(deps.pool, (client) => join(deps, client, name, signal)),
    /** Removes those that no workload uses any more. */
    tidy: (signal?: AbortSignal): Promise<void> => inTransaction(deps.pool, (client) => tidy(deps, client, signal)),
  };
}

async function join(deps: NetworkDeps, client: PoolClient, name: string, signal?: AbortSignal): Promise<string> {
  const { docker, node, installation } = deps;
  const dockerName = privateNetworkName(installation, name);
  const labels = { [NETWORK_LABEL]: name, [LABELS.installation]: installation };
  for (let tries = 1; ; tries += 1) {
    const subnet = await blockOf(deps, client, name);
    try {
      await docker.ensureNetwork({ name: dockerName, labels, interContainer: true, subnet }, signal);
      return dockerName;
    } catch (error) {
      if (!(error instanceof TerminalError) || error.code !== 'subnet-taken' || tries === MOST_TRIES) throw error;
      await client.query('update state.network set name = null where node = $1 and subnet = $2', [node, subnet]);
    }
  }
}

/** The row stays locked until the end: nobody takes the network away while somebody joins. */
async function blockOf(
  { node, subnetPool }: Pick<NetworkDeps, 'node' | 'subnetPool'>,
  client: PoolClient,
  name: string,
): Promise<string> {
  const held = 'select subnet::text from state.network where node = $1 and name = $2 for update';
  const known = await client.query<{ subnet: string }>(held, [node, name]);
  if (known.rows[0]) return known.rows[0].subnet;
  const made = await client.query(
    `insert into state.network (node, subnet, name)
      select $1, free.subnet, $2 from (
        select set_masklen(host($3::cidr)::inet + at * (1 << (32 - $4::int))::bigint, $4)::cidr as subnet
          from generate_series(0, (1 << ($4 - masklen($3::cidr))) - 1) as at) free
      where not exists (select from state.network n where n.node = $1 and n.subnet && free.subnet)
      order by random() limit 1 on conflict do nothing`,
    [node, name, subnetPool, BLOCK_BITS],
  );
  const { rows } = await client.query<{ subnet: string }>(held, [node, name]);
  if (rows[0]) return rows[0].subnet;
  if (made.rowCount === 0 && (await isFull(client, { node, subnetPool }))) throw noBlockLeft(subnetPool);
  return blockOf({ node, subnetPool }, client, name);
}

async function isFull(client: PoolClient, { node, subnetPool }: Pick<NetworkDeps, 'node' | 'subnetPool'>) {
  const { rows } = await client.query<{ full: boolean }>(
    `select count(*) >= (1 << ($3::int - masklen($2::cidr))) as full from state.network
      where node = $1 and subnet <<= $2::cidr`,
    [node, subnetPool, BLOCK_BITS],
  );
  return rows[0]!.full;
}

/** Named by a workload that is there, by what it runs, or by what is on its way. */
const IS_UNUSED = `n.node = $1 and n.name is not null and not exists (
  select from view.workload w
    left join view.deployment d on d.workload_id = w.id and (d.id = w.current_deployment_id or d.is_unfinished)
    where w.node = n.node and w.lifecycle = 'present'
      and (w.source_config->>'network' = n.name or d.release->'config'->>'network' = n.name))`;

async function tidy({ docker, node, installation }: NetworkDeps, client: PoolClient, signal?: AbortSignal) {
  const lock = `select n.name from state.network n where ${IS_UNUSED} for update skip locked`;
  const { rows } = await client.query<{ name: string }>(lock, [node]);
  if (rows.length === 0) return;
  // Looked at once more behind the lock: a deployment may have begun since the first look did.
  const unused = await client.query<{ name: string }>(
    `select n.name from state.network n where ${IS_UNUSED} and n.name = any($2)`,
    [node, rows.map(({ name }) => name)],
  );
  for (const { name } of unused.rows) {
    const isGone = await docker.removeNetwork(privateNetworkName(installation, name), signal);
    if (isGone) await client.query('delete from state.network where node = $1 and name = $2', [node, name]);
  }
}

async function inTransaction<T>(pool: Pool, run: (client: PoolClient) => Promise<T>): Promise<T> {
  const client = await pool.connect();
  try {
    await client.query('begin');
    const result = await run(client);
    await client.query('commit');
    client.release();
    return result;
  } catch (error) {
    client.release(true);
    throw error;
  }
}

function noBlockLeft(pool: string): TerminalError {
  const message = `Every block of ${pool} is taken. Set a larger TINYFORGE_SUBNET_POOL, or remove private networks.`;
  return new TerminalError('no-subnet-left', message, 'operator');
}
