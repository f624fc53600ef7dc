import type { Docker } from '#docker/docker';
import { observation } from '#domain/observation';
import { checkConfig } from '#plugins/config';
import type { Source } from '#plugins/source';
import type { Logger } from '#runtime/logging';
import { patchMemo } from '#store/memo';
import { on } from '#store/operation';
import type { Store } from '#store/store';
import { readDesired, type Desired } from '../drift/desired.js';
import { startLoop } from '../drift/loop.js';
import type { Work } from '../lead.js';

export interface StorageDeps {
  readonly store: Store;
  readonly docker: Docker;
  readonly sources: readonly Source[];
  readonly node: string;
  readonly observeMs: number;
  readonly logger: Logger;
}

const MIB = 1024 * 1024;
const CAUSE = { actor: 'system:reconciler', correlationId: 'storage' };

/** Looks every 60 s, which is every second look at the rest, at how much the volumes with a limit hold. */
export function startStorage(deps: StorageDeps): Work {
  return startLoop({
    run: async () => {
      await lookAtStorage(deps);
      return deps.observeMs * 2;
    },
    retryMs: deps.observeMs,
    onError: (error) => deps.logger.warn({ err: error }, 'What volumes hold could not be counted; it is tried again'),
  });
}

/** One count for all, and none where no volume has a limit. Size and limit go to the memo, what passes the limit to the log. */
export async function lookAtStorage(deps: Omit<StorageDeps, 'observeMs' | 'logger'>): Promise<void> {
  const limited = (await readDesired(deps.store.pool, deps.node)).flatMap((desired) => limitOf(deps.sources, desired));
  if (limited.length === 0) return;
  const sizes = await deps.docker.volumeSizes();
  for (const { volume, limitMb, role, workloadId, deploymentId } of limited) {
    const bytes = sizes.get(volume);
    if (bytes === undefined) continue;
    const storage = { workloadId, deploymentId, volume, bytes, limitMb };
    const isOver = bytes > limitMb * MIB;
    await patchMemo(deps.store.pool, { workloadId, role }, { storage_bytes: bytes, storage_over: isOver });
    await deps.store.commit([on(observation, workloadId, { type: 'RecordStorage', storage, isOver })], CAUSE);
  }
}

interface Limited {
  readonly workloadId: string;
  readonly deploymentId: string;
  readonly volume: string;
  readonly limitMb: number;
  /** Whose memo says it. */
  readonly role: string;
}

function limitOf(sources: readonly Source[], desired: Desired): readonly Limited[] {
  const { workloadId, name, sourceKind, current, lifecycle } = desired;
  const source = sources.find(({ kind }) => kind === sourceKind);
  if (current === null || lifecycle !== 'present' || source?.storage === undefined) return [];
  const { deploymentId, release } = current;
  const config = checkConfig(source.config, release.config).value;
  const limit = source.storage({ ...release, workloadId, workloadName: name, deploymentId, config, env: {} });
  return limit === null ? [] : [{ workloadId, deploymentId, ...limit }];
}
