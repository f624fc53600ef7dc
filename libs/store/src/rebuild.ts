import { Client } from 'pg';
import { TerminalError } from '#domain/errors';
import { DOMAIN_MODEL } from './domain-model.js';
import type { Model } from './model.js';
import { drawViews, replay, type Replay } from './replay.js';
import { VIEW_DDL } from './views/schema.js';

export interface RebuildOptions {
  readonly databaseUrl: string;
  /** The domain's unless told. */
  readonly model?: Model;
  readonly viewDdl?: string;
  readonly onProgress?: (events: number) => void;
}

export interface Rebuilt {
  readonly events: number;
  /** How many of them were replayed while nothing could be appended. */
  readonly held: number;
}

/** Few enough that appends wait for milliseconds only. */
const TAIL = 200;
const ROUNDS = 20;
const APPENDS = 'select pg_advisory_xact_lock(7, 2)';

/**
 * Draws the views anew from the log while everything goes on: builds `view_next` up to a watermark, then stops
 * appends for the last events and the swap of the two schemas. Readers see the old rows or the new, never half.
 */
export async function rebuildViews(options: RebuildOptions): Promise<Rebuilt> {
  const client = new Client({
    connectionString: options.databaseUrl,
    application_name: 'tiny-forge rebuild',
    pipeline: true,
  });
  await client.connect();
  try {
    await takeTurn(client);
    const next: Replay = { client, model: options.model ?? DOMAIN_MODEL, schema: 'view_next' };
    await client.query('drop schema if exists view_old cascade');
    await drawViews(next, options.viewDdl ?? VIEW_DDL);
    const built = await catchUp(next, options.onProgress);
    const held = await swap(next, built.upTo);
    await client.query('drop schema if exists view_old cascade');
    return { events: built.events + held, held };
  } finally {
    await client.end();
  }
}

async function takeTurn(client: Client): Promise<void> {
  const { rows } = await client.query<{ mine: boolean }>('select pg_try_advisory_lock(7, 3) as mine');
  if (rows[0]?.mine) return;
  throw new TerminalError(
    'rebuild-running',
    'Another process is rebuilding the views. Wait until it is done.',
    'operator',
  );
}

/** Replays up to one watermark after the other, until little is left. */
async function catchUp(next: Replay, onProgress: (events: number) => void = () => undefined) {
  let upTo = '0';
  let events = 0;
  for (let round = 0; round < ROUNDS; round++) {
    const mark = await watermark(next.client);
    const replayed = await replay(next, { after: upTo, upTo: mark });
    upTo = mark;
    events += replayed;
    onProgress(events);
    if (replayed < TAIL) break;
  }
  return { upTo, events };
}

/** An id below which no append is under way. */
async function watermark(client: Client): Promise<string> {
  await client.query('begin');
  await client.query(APPENDS);
  const mark = await maxId(client);
  await client.query('commit');
  return mark;
}

async function swap(next: Replay, after: string): Promise<number> {
  const { client } = next;
  try {
    await client.query('begin');
    await client.query(APPENDS);
    const held = await replay(next, { after, upTo: await maxId(client) });
    await client.query('create schema if not exists view');
    await client.query('alter schema view rename to view_old');
    await client.query('alter schema view_next rename to view');
    await client.query('commit');
    return held;
  } catch (error) {
    await client.query('rollback').catch(() => undefined);
    throw error;
  }
}

async function maxId(client: Client): Promise<string> {
  const { rows } = await client.query<{ id: string }>('select coalesce(max(id), 0) as id from log.event');
  return rows[0]?.id ?? '0';
}
