import type { Artifact, Ref, Source } from '#plugins/source';
import type { WorkerDeps } from '../deps.js';
import { resolveIo } from '../deploy/step-io.js';
import type { BoundWorkload, Judgement } from './judge.js';

/** Reference key → what it points at now, or why that is not known. */
export type Resolutions = ReadonlyMap<string, Artifact | Error>;

const AT_A_TIME = 8;
const TIMEOUT_MS = 30_000;

/** Each distinct reference is resolved once and shared by all bindings that want it. */
export async function resolveAll(
  deps: WorkerDeps,
  judged: readonly { readonly bound: BoundWorkload; readonly judgement: Judgement }[],
  signal: AbortSignal,
): Promise<Resolutions> {
  const wanted = new Map<string, { ref: Ref; source: Source }>();
  for (const { bound, judgement } of judged) {
    const source = deps.plugins.sources.find((plugin) => plugin.kind === bound.sourceKind);
    if (judgement.verdict === 'matched' && source !== undefined) wanted.set(judgement.ref.key, { ref: judgement.ref, source });
  }
  const resolved = new Map<string, Artifact | Error>();
  const queue = [...wanted.entries()];
  const io = resolveIo(deps, AbortSignal.any([signal, AbortSignal.timeout(TIMEOUT_MS)]));
  const drain = async () => {
    for (let next = queue.shift(); next !== undefined; next = queue.shift()) {
      const [key, { ref, source }] = next;
      resolved.set(key, await source.resolve(ref, io).catch((error: unknown) => (error instanceof Error ? error : new Error(String(error)))));
    }
  };
  await Promise.all(Array.from({ length: AT_A_TIME }, drain));
  return resolved;
}
