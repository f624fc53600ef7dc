import { randomUUID } from 'node:crypto';
import { registry as registryRecord } from '#domain/registry';
import { openProcess, type Parts } from '#process/open-process';
import { stopAll } from '#runtime/start';
import { onNew } from '#store/operation';
import { startReconciler } from '../../apps/reconciler/src/start-reconciler.js';
import { buildImage, demoImage, pushImage } from './images.js';
import { prepareGround, type Ground } from './platform.js';
import { startRegistry } from './registry.js';
import { createWorkload, type TestWorkload } from './workloads.js';

export interface FaultGround {
  readonly ground: Ground;
  readonly parts: Parts;
  /** Two versions of one image, the older first. */
  readonly artifacts: readonly { repository: string; tag: string; digest: string }[];
  /** A workload with a face, of that image; nothing is deployed yet. */
  createWorkload(): Promise<TestWorkload>;
  clear(): Promise<void>;
}

export const FAULT_CONFIG = { port: 8080, drainSeconds: 1, stopTimeoutSeconds: 1 };

/** Everything but the deploy workers, which are what the faults befall. */
export async function prepareFaults(): Promise<FaultGround> {
  const ground = await prepareGround();
  const registry = await startRegistry();
  const parts = await openProcess('all-in-one', ground.env);
  const { stoppable: reconciler } = await startReconciler(parts);
  const id = randomUUID();
  const settings = {
    name: 'local',
    host: registry.host,
    username: null,
    password: null,
    kind: 'distribution',
    insecure: true,
  };
  const cause = { actor: 'system:test', correlationId: 'test' };
  await parts.store.commit([onNew(registryRecord, id, { type: 'CreateRegistry', id, settings })], cause);
  const repository = `${registry.host}/acme/demo`;
  const artifacts = [];
  for (const version of ['1.0.0', '1.1.0']) {
    await buildImage(ground.env['DOCKER_HOST']!, { tag: `${repository}:${version}`, ...demoImage({ version }) });
    const digest = await pushImage(ground.env['DOCKER_HOST']!, `${repository}:${version}`);
    artifacts.push({ repository, tag: version, digest });
  }
  return {
    ground,
    parts,
    artifacts,
    createWorkload: () => {
      const host = `w${randomUUID().slice(0, 8)}.test`;
      const config = { image: repository, ...FAULT_CONFIG };
      return createWorkload(parts.store, { config, faces: [{ host, path: '/', port: null }] });
    },
    clear: async () => {
      await stopAll([reconciler, ...parts.stoppables], { logger: parts.logger, stopMs: 10_000, why: 'test' });
      await registry.stop();
      await ground.clear();
    },
  };
}
