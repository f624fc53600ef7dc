import { v7 as uuidv7 } from 'uuid';
import { createDocker } from '#docker/connect';
import { LABELS } from '#domain/naming';
import { buildImage, demoImage, pushImage, removeImage } from '../../test/support/images.js';
import { startRegistry } from '../../test/support/registry.js';
import type { Measured } from '../figure.js';
import { openGround, type Cluster, type OpenGround } from '../ground.js';
import { CAUSE, createWorkload } from '../records.js';
import { inTurn, median } from '../rounds.js';
import { split, type Trace } from './marks.js';
import { openPlatform } from './platform.js';
import { openRaw, type RawRun } from './raw.js';

const RUNS = 16;
const WARM_UPS = 2;
const LIMIT = 1.1;
const HOST = 'bench.test';
/** A range of its own: the host may run a platform as it is benched. */
const PROXY = {
  TINYFORGE_PROXY: 'caddy',
  TINYFORGE_HTTP_PORT: '0',
  TINYFORGE_HTTPS_PORT: '0',
  TINYFORGE_PORT_RANGE: '26000-26999',
};

interface Version {
  readonly text: string;
  readonly image: string;
  readonly digest: string;
}

/** From the POST until the new container answers through the proxy; against the Docker API and Caddy by hand. */
export async function deploying(cluster: Cluster): Promise<Measured> {
  const ground = await openGround(cluster, PROXY);
  const dockerHost = ground.env['DOCKER_HOST']!;
  const registry = await startRegistry();
  const repository = `${registry.host}/acme/bench`;
  const workloadId = await prepare(ground, repository);
  try {
    const versions = [
      await pushed(dockerHost, repository, '1.0.0'),
      await pushed(dockerHost, repository, '1.1.0'),
    ] as const;
    const results = await measure(ground, workloadId, versions);
    return measured(results);
  } finally {
    await removeContainers(dockerHost, workloadId);
    for (const tag of ['1.0.0', '1.1.0']) await removeImage(dockerHost, `${repository}:${tag}`);
    await registry.stop();
    await ground.clear();
  }
}

async function measure(ground: OpenGround, workloadId: string, versions: readonly [Version, Version]) {
  const platform = await openPlatform(ground);
  const raw = await openRaw(ground.env['DOCKER_HOST']!);
  // Round after round the other version, so that an answer tells which container gave it.
  const version = (round: number) => versions[round % 2]!;
  const ours = (round: number) => platform.run({ workloadId, host: HOST, ...version(round) });
  const theirs = (round: number) => raw.run(version(round).image, version(round).text);
  try {
    for (let round = 0; round < WARM_UPS; round += 1) {
      await ours(round);
      await theirs(round);
    }
    return await inTurn(RUNS, ours, theirs);
  } finally {
    await raw.stop();
    await platform.stop();
  }
}

async function prepare({ parts }: OpenGround, image: string): Promise<string> {
  const id = uuidv7();
  const config = { image, port: 8080, drainSeconds: 0, stopTimeoutSeconds: 1 };
  await parts.store.commit([createWorkload({ id, config, faces: [{ host: HOST, path: '/', port: null }] })], CAUSE);
  return id;
}

async function pushed(dockerHost: string, repository: string, text: string): Promise<Version> {
  const tag = `${repository}:${text}`;
  await buildImage(dockerHost, { tag, ...demoImage({ version: text }) });
  const digest = await pushImage(dockerHost, tag);
  return { text, digest, image: `${repository}@${digest}` };
}

async function removeContainers(host: string, workloadId: string): Promise<void> {
  const docker = createDocker({ host });
  for (const { id } of await docker.listContainers([`${LABELS.workloadId}=${workloadId}`]))
    await docker.removeContainer(id);
}

function measured({ ours, reference }: { ours: readonly Trace[]; reference: readonly RawRun[] }): Measured {
  const mid = (of: (run: RawRun) => number) => median(reference.map(of));
  const figure = {
    what: 'POST deploy → serving through the proxy',
    unit: 'ms',
    ours: median(ours.map(({ postedAt, servedAt }) => servedAt - postedAt)),
    reference: mid(({ ms }) => ms),
    limit: LIMIT,
  } as const;
  const parts = [
    `create ${mid(({ createMs }) => createMs).toFixed(1)} ms`,
    `start ${mid(({ startMs }) => startMs).toFixed(1)} ms`,
    `PATCH ${mid(({ patchMs }) => patchMs).toFixed(1)} ms`,
  ];
  return {
    figures: [figure],
    notes: [
      `reference: raw Docker API and Caddy PATCH (${parts.join(', ')}); median of ${RUNS}, in turn`,
      ...split(ours),
    ],
  };
}
