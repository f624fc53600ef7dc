import { spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { v7 as uuidv7 } from 'uuid';
import { createDocker } from '#docker/connect';
import type { Docker } from '#docker/docker';
import { LABELS, NETWORK } from '#domain/naming';
import { startApps } from '../test/support/apps.js';
import { buildImage, demoImage, removeImage } from '../test/support/images.js';
import type { Measured } from './figure.js';
import { openGround, type Cluster, type OpenGround } from './ground.js';
import { CAUSE, createWorkload } from './records.js';
import { inTurn, instant, median } from './rounds.js';

const LINES = 100_000;
const ROUNDS = 3;
const LIMIT = 0.8;
const IMAGE = 'tiny-forge-bench/logs:1';
/** Up to 20,000 lines of a hundred bytes in a second, once there was time to follow it. */
const SAYS = [
  `text=${'x'.repeat(90)}; i=0; usleep 2000000`,
  `while [ $i -lt ${LINES} ]; do n=0; while [ $n -lt 400 ]; do n=$((n+1)); i=$((i+1)); echo "$i $text"; done; usleep 18000; done`,
  'usleep 60000000',
].join('; ');

interface Said {
  readonly perSecond: number;
}

/** Lines in a second at a reader of the api, through the store; against one of `docker logs -f`. */
export async function followingLogs(cluster: Cluster): Promise<Measured> {
  const ground = await openGround(cluster);
  const dockerHost = ground.env['DOCKER_HOST']!;
  const docker = createDocker({ host: dockerHost });
  await buildImage(dockerHost, { tag: IMAGE, ...demoImage({ version: '1' }) });
  await docker.ensureNetwork({ name: NETWORK, labels: {}, interContainer: false });
  const apps = await startApps(ground, ['all-in-one']);
  const made: string[] = [];
  try {
    const api = `http://127.0.0.1:${apps.ports['api']}`;
    const start = async (workloadId: string) => {
      const id = await container(docker, ground, workloadId);
      made.push(id);
      return id;
    };
    const { ours, reference } = await inTurn(
      ROUNDS,
      () => throughUs({ ground, docker, api, start }),
      () => byDocker({ docker, dockerHost, start }),
    );
    const rate = (all: readonly Said[]) => median(all.map(({ perSecond }) => perSecond));
    const figure = {
      what: 'log follow',
      unit: '/s',
      ours: rate(ours),
      reference: rate(reference),
      limit: LIMIT,
    } as const;
    return {
      figures: [figure],
      notes: [`reference: docker logs -f; ${LINES} lines of 100 bytes, up to 20,000/s; median of ${ROUNDS}, in turn`],
    };
  } finally {
    for (const id of made) await docker.removeContainer(id);
    await apps.stop();
    await removeImage(dockerHost, IMAGE);
    await ground.clear();
  }
}

async function container(docker: Docker, { parts }: OpenGround, workloadId: string): Promise<string> {
  const labels = {
    [LABELS.workloadId]: workloadId,
    [LABELS.deploymentId]: randomUUID(),
    [LABELS.installation]: parts.installation,
  };
  const { id } = await docker.createContainer({
    name: `tf-bench-logs-${randomUUID().slice(0, 8)}-1`,
    image: IMAGE,
    labels,
    env: {},
    command: ['sh', '-c', SAYS],
    ports: [],
    cpuLimit: null,
    memoryLimit: null,
    network: NETWORK,
    restart: 'no',
  });
  return id;
}

interface Ours {
  readonly ground: OpenGround;
  readonly docker: Docker;
  readonly api: string;
  readonly start: (workloadId: string) => Promise<string>;
}

async function throughUs({ ground, docker, api, start }: Ours): Promise<Said> {
  const workloadId = uuidv7();
  await ground.parts.store.commit([createWorkload({ id: workloadId, config: { image: IMAGE } })], CAUSE);
  const id = await start(workloadId);
  const ended = new AbortController();
  const answer = await fetch(`${api}/api/workloads/${workloadId}/logs?follow=true&tail=0`, {
    headers: { authorization: `Bearer ${ground.adminToken}`, accept: 'application/x-ndjson' },
    signal: ended.signal,
  });
  if (answer.status !== 200) throw new Error(`the api answered ${answer.status}: ${await answer.text()}`);
  await docker.startContainer(id);
  const said = await count(answer.body!);
  ended.abort();
  await docker.stopContainer(id, 0);
  return said;
}

interface Theirs extends Pick<Ours, 'docker' | 'start'> {
  readonly dockerHost: string;
}

async function byDocker({ docker, dockerHost, start }: Theirs): Promise<Said> {
  // No workload of ours: the platform looks away.
  const id = await start(randomUUID());
  await docker.startContainer(id);
  const follow = spawn('docker', ['logs', '-f', id], {
    env: { ...process.env, DOCKER_HOST: dockerHost },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const said = await count(follow.stdout);
  follow.kill('SIGKILL');
  await docker.stopContainer(id, 0);
  return said;
}

const LF = 10;

/** From the first line to the last one. */
async function count(stream: AsyncIterable<Uint8Array>): Promise<Said> {
  let lines = 0;
  let from = 0;
  for await (const chunk of stream) {
    if (from === 0) from = instant();
    for (const byte of chunk) if (byte === LF) lines += 1;
    if (lines >= LINES) return { perSecond: (lines / (instant() - from)) * 1_000 };
  }
  throw new Error(`the stream ended after ${lines} of ${LINES} lines`);
}
