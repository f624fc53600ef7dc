import { fork } from 'node:child_process';
import { once } from 'node:events';
import { startApps } from '../../test/support/apps.js';
import type { Measured } from '../figure.js';
import { openGround, type Cluster, type OpenGround } from '../ground.js';
import { createBound, createTrigger } from '../records.js';
import { inTurn, median } from '../rounds.js';
import { load, type Loaded, type Target } from './load.js';

const ROUNDS = 4;
const SECONDS = 4;
const WARM_UP_SECONDS = 2;
/** The ingress alone does not fall behind a bare server; its worst answers are none the later either. */
const RATE_LIMIT = 1;
const P99_LIMIT = 1;

/** Signed deliveries over 32 connections, recorded before they are answered 202: the ingress as it ships, and a bare one. */
export async function receiving(cluster: Cluster): Promise<Measured> {
  const ground = await openGround(cluster);
  const { urlSecret, signingSecret } = await prepare(ground);
  const apps = await startApps(ground, ['webhook-ingress']);
  const bare = await startBare(ground, signingSecret);
  const ours: Target = {
    url: `http://127.0.0.1:${apps.ports['ingress']}`,
    path: `/api/webhook/triggers/${urlSecret}`,
    signingSecret,
  };
  const theirs: Target = { url: `http://127.0.0.1:${bare.port}`, path: '/', signingSecret };
  try {
    await load(ours, WARM_UP_SECONDS);
    await load(theirs, WARM_UP_SECONDS);
    const results = await inTurn(
      ROUNDS,
      () => load(ours, SECONDS),
      () => load(theirs, SECONDS),
    );
    await assertStored(ground, results.ours);
    return measured(results);
  } finally {
    bare.stop();
    await apps.stop();
    await ground.clear();
  }
}

async function prepare({ parts }: OpenGround) {
  const trigger = await createTrigger(parts);
  await createBound(parts, { triggerId: trigger.id, count: 1, image: 'ghcr.io/acme/shop', node: 'bench' });
  return trigger;
}

/** What was answered 202 is there. */
async function assertStored({ parts }: OpenGround, ours: readonly Loaded[]): Promise<void> {
  const { rows } = await parts.store.pool.query<{ stored: number }>(
    'select count(*)::int as stored from view.delivery',
  );
  const accepted = ours.reduce((sum, { accepted: count }) => sum + count, 0);
  if (rows[0]!.stored < accepted)
    throw new Error(`${accepted} deliveries were accepted, ${rows[0]!.stored} are stored`);
}

function measured({ ours, reference }: { ours: readonly Loaded[]; reference: readonly Loaded[] }): Measured {
  const rate = (runs: readonly Loaded[]) => median(runs.map(({ perSecond }) => perSecond));
  const p99 = (runs: readonly Loaded[]) => median(runs.map(({ p99Ms }) => p99Ms));
  return {
    figures: [
      {
        what: 'webhook accepted, 32 connections',
        unit: '/s',
        ours: rate(ours),
        reference: rate(reference),
        limit: RATE_LIMIT,
      },
      { what: 'webhook accepted, p99', unit: 'ms', ours: p99(ours), reference: p99(reference), limit: P99_LIMIT },
    ],
    notes: [
      `reference: Fastify, HMAC, one prepared INSERT on the same Postgres; ${ROUNDS} × ${SECONDS} s each, in turn`,
    ],
  };
}

async function startBare({ env }: OpenGround, signingSecret: string): Promise<{ port: number; stop(): void }> {
  const child = fork(new URL('./bare.js', import.meta.url), {
    env: { ...process.env, ...env, SIGNING_SECRET: signingSecret },
  });
  const [port] = (await once(child, 'message')) as [number];
  return { port, stop: () => child.kill() };
}
