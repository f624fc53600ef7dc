import type { BoundWorkload } from '#domain/bound-workload';
import { RetryableError } from '#domain/errors';
import type { Judgement } from '#plugins/judge';
import type { Artifact, Ref, ResolveIo, Source } from '#plugins/source';
import { createResolveIo } from '#process/resolve-io';
import type { WorkerDeps } from '../deps.js';

/** Reference key → what it points at now, or why that is not known. */
export type Resolutions = ReadonlyMap<string, Artifact | Error>;

const AT_A_TIME = 8;
const TIMEOUT_MS = 30_000;

/**
 * Each distinct reference is resolved once and shared by all bindings that want it. Never throws but for a lost lease:
 * what one source makes of its reference is its own affair.
 */
export async function resolveAll(
  deps: WorkerDeps,
  judged: readonly { readonly bound: BoundWorkload; readonly judgement: Judgement }[],
  signal: AbortSignal,
): Promise<Resolutions> {
  const wanted = new Map<string, { ref: Ref; source: Source }>();
  for (const { bound, judgement } of judged) {
    const source = deps.plugins.sources.find((plugin) => plugin.kind === bound.sourceKind);
    if (judgement.verdict === 'matched' && source !== undefined)
      wanted.set(judgement.ref.key, { ref: judgement.ref, source });
  }
  const resolved = new Map<string, Artifact | Error>();
  const queue = [...wanted.entries()];
  const io = createResolveIo(deps, AbortSignal.any([signal, AbortSignal.timeout(TIMEOUT_MS)]));
  const drain = async () => {
    for (let next = queue.shift(); next !== undefined; next = queue.shift()) {
      const [key, { ref, source }] = next;
      resolved.set(key, await resolveOne(source, ref, io));
    }
  };
  await Promise.all(Array.from({ length: AT_A_TIME }, drain));
  // The answers of a holder that nobody trusts any more are no verdicts.
  signal.throwIfAborted();
  return resolved;
}

/** A source that ignores the signal is left behind. */
async function resolveOne(source: Source, ref: Ref, io: ResolveIo): Promise<Artifact | Error> {
  const message = `${ref.host} did not say within ${TIMEOUT_MS / 1000} s what ${ref.repository} is.`;
  const late = new RetryableError('resolve-timeout', message);
  if (io.signal.aborted) return late;
  const { promise: isOver, resolve: giveUp } = Promise.withResolvers<Error>();
  const onAbort = () => giveUp(late);
  io.signal.addEventListener('abort', onAbort, { once: true });
  const asking = (async () => await source.resolve(ref, io))().catch(asError);
  const answer = await Promise.race([asking, isOver]);
  io.signal.removeEventListener('abort', onAbort);
  return answer instanceof Error && io.signal.aborted ? late : answer;
}

function asError(thrown: unknown): Error {
  return thrown instanceof Error ? thrown : new Error(String(thrown));
}
