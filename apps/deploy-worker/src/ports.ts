import { createServer } from 'node:net';
import type { Pool } from 'pg';
import { TerminalError } from '#domain/errors';

export interface PortRange {
  readonly first: number;
  readonly last: number;
}

/**
 * Host ports of ours on loopback, kept until the container is gone: Docker's own choice would move at every restart.
 * The same container and container port get the same answer at every call.
 */
export function createPorts(pool: Pool, node: string, range: PortRange) {
  return {
    async take(containerName: string, containerPort: number): Promise<number> {
      for (let attempt = 0; attempt <= range.last - range.first; attempt += 1) {
        const port = await claim(pool, { node, range, containerName, containerPort });
        if (port.wasOurs || (await isFree(port.number))) return port.number;
        await occupyByStranger(pool, node, port.number);
      }
      throw noPortLeft(range);
    },
    /** They stay out of the draw until the reconciler lets the numbers of strangers go. */
    async refuse(containerName: string): Promise<void> {
      await pool.query(
        `update state.port set container_name = 'stranger-' || port, container_port = 0
          where node = $1 and container_name = $2`,
        [node, containerName],
      );
    },
    async release(containerName: string): Promise<void> {
      await pool.query('delete from state.port where node = $1 and container_name = $2', [node, containerName]);
    },
  };
}

interface Wanted {
  readonly node: string;
  readonly range: PortRange;
  readonly containerName: string;
  readonly containerPort: number;
}

async function claim(
  pool: Pool,
  { node, range, containerName, containerPort }: Wanted,
): Promise<{ number: number; wasOurs: boolean }> {
  const held = await pool.query<{ port: number }>(
    'select port from state.port where node = $1 and container_name = $2 and container_port = $3',
    [node, containerName, containerPort],
  );
  if (held.rows[0] !== undefined) return { number: held.rows[0].port, wasOurs: true };
  const taken = await pool.query<{ port: number }>(
    `insert into state.port (port, node, container_name, container_port)
     select free.port, $3, $4, $5 from generate_series($1::int, $2::int) as free(port)
     where not exists (select from state.port p where p.port = free.port) order by random() limit 1
     on conflict do nothing returning port`,
    [range.first, range.last, node, containerName, containerPort],
  );
  if (taken.rows[0] !== undefined) return { number: taken.rows[0].port, wasOurs: false };
  const { rows } = await pool.query<{ used: number }>(
    'select count(*)::int as used from state.port where port between $1 and $2',
    [range.first, range.last],
  );
  if (rows[0]!.used > range.last - range.first) throw noPortLeft(range);
  return claim(pool, { node, range, containerName, containerPort });
}

/** Somebody else listens there: the number stays out of the draw. */
async function occupyByStranger(pool: Pool, node: string, port: number): Promise<void> {
  await pool.query(
    `update state.port set container_name = 'stranger-' || port, container_port = 0 where port = $1 and node = $2`,
    [port, node],
  );
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(false));
    server.listen({ port, host: '127.0.0.1', exclusive: true }, () => server.close(() => resolve(true)));
  });
}

function noPortLeft({ first, last }: PortRange): TerminalError {
  const message = `Every host port from ${first} to ${last} is taken. Widen TINYFORGE_PORT_RANGE or remove workloads.`;
  return new TerminalError('no-port-left', message, 'operator');
}
