import type { Docker } from '#docker/docker';
import type { Secrets } from '#store/secrets';
import { readCursor, type LogCursor, type LogOrigin } from '#store/container-log';
import type { Store } from '#store/store';
import { createAssembler, type Assembled } from './assemble.js';
import { createBlank } from './blank.js';
import type { LogWriter } from './log-writer.js';

export interface FollowDeps {
  readonly store: Store;
  readonly secrets: Secrets;
  readonly docker: Docker;
  readonly writer: LogWriter;
  /** How far each container was read by this process: it is ahead of what is stored. */
  readonly cursors: Map<string, LogCursor>;
  readonly signal: AbortSignal;
}

/** Of a container that nothing is stored of: what else was there is older than anybody waits for. */
const FIRST_LINES = 20_000;

/** Hands on what a container says, from where it was left on, until it ends. */
export async function followContainer(deps: FollowDeps, origin: LogOrigin): Promise<void> {
  const { store, secrets, docker, writer, cursors, signal } = deps;
  const { containerId } = origin;
  const blank = await createBlank({ pool: store.pool, secrets }, origin.deploymentId);
  const from = cursors.get(containerId) ?? (await readCursor(store.pool, containerId));
  const assembler = createAssembler(from);
  const hand = async ({ lines, cursor }: Assembled): Promise<void> => {
    if (lines.length === 0 || cursor === null) return;
    cursors.set(containerId, cursor);
    const blanked = lines.map((line) => ({ ...line, line: blank(line.line) }));
    await writer.write(origin, blanked, cursor);
  };
  await docker.followRecords(containerId, {
    since: from?.at ?? null,
    tail: from === null ? FIRST_LINES : null,
    onRecords: (records) => hand(assembler.add(records)),
    signal,
  });
  await hand(assembler.end());
}
