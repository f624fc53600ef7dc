import { createHash, randomBytes } from 'node:crypto';
import { v7 as uuidv7 } from 'uuid';
import { binding } from '#domain/binding';
import type { Face } from '#domain/face';
import { trigger } from '#domain/trigger';
import { DEFAULT_POLICY, workload } from '#domain/workload';
import type { Parts } from '#process/open-process';
import { onNew, type Operation } from '#store/operation';

export const CAUSE = { actor: 'system:bench', correlationId: 'bench' };

export interface BenchTrigger {
  readonly id: string;
  readonly urlSecret: string;
  readonly signingSecret: string;
}

/** A registry trigger that takes every newer semantic version, its deliveries signed. */
export async function createTrigger({ store, secrets }: Parts): Promise<BenchTrigger> {
  const id = uuidv7();
  const [urlSecret, signingSecret] = [randomBytes(32).toString('base64url'), randomBytes(32).toString('hex')];
  const [url, signing] = [secrets.seal(urlSecret), secrets.seal(signingSecret)];
  const settings = {
    name: `bench ${id.slice(-8)}`,
    config: {},
    webhookEnabled: true,
    vendor: 'github',
    signingSecret: signing.ref,
  };
  const hash = createHash('sha256').update(urlSecret).digest('hex');
  await store.commit(
    [onNew(trigger, id, { type: 'CreateTrigger', id, kind: 'registry', urlSecret: { hash, ref: url.ref }, settings })],
    {
      ...CAUSE,
      extra: [url.statement, signing.statement],
    },
  );
  return { id, urlSecret, signingSecret };
}

export interface Bound {
  readonly triggerId: string;
  readonly count: number;
  readonly image: string;
  readonly node: string;
}

const CHUNK = 100;

/** So many workloads, each bound to the trigger. */
export async function createBound({ store }: Parts, { triggerId, count, image, node }: Bound): Promise<void> {
  for (let done = 0; done < count; done += CHUNK) {
    const operations = Array.from({ length: Math.min(CHUNK, count - done) }, () => {
      const workloadId = uuidv7();
      const bindingId = uuidv7();
      const command = {
        type: 'CreateBinding',
        id: bindingId,
        triggerId,
        workloadId,
        override: {},
        enabled: true,
      } as const;
      return [
        createWorkload({ id: workloadId, config: { image, port: 8080 }, node }),
        onNew(binding, bindingId, command),
      ];
    });
    await store.commit(operations.flat(), CAUSE);
  }
}

export interface NewWorkload {
  readonly id: string;
  readonly config: Readonly<Record<string, unknown>>;
  readonly node?: string;
  readonly faces?: readonly Face[];
}

export function createWorkload({ id, config, node = 'default', faces = [] }: NewWorkload): Operation {
  const settings = { title: null, stage: null, sourceConfig: config, parentId: null, policy: DEFAULT_POLICY };
  return onNew(workload, id, {
    type: 'CreateWorkload',
    id,
    name: `bench-${id.slice(-12)}`,
    sourceKind: 'image',
    node,
    faces,
    settings,
  });
}
