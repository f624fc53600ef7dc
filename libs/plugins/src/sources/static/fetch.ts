import { extractTree, type Extracted } from '../../archive/extract.js';
import { TREE_LIMITS } from '../../archive/tree-rules.js';
import { verifyTree } from '../../archive/verify.js';
import { openArchive } from '../../git-providers/git-client.js';
import type { Release, Step, StepIo } from '../../source.js';
import { findBuilt } from './built.js';
import type { StaticConfig } from './config.dto.js';
import { notedAsBefore, notedAsSyncing } from './sync-state.js';
import { subjectOf } from './reference.js';

/** Directory of the files, and the file that says that all of them are there. */
export const TREE = 'tree';
const WHOLE = 'whole';
const IDLE_MS = 30_000;

/** The files of the commit, unless what is built of them is on the host. */
export function fetchStep(release: Release<StaticConfig>): Step {
  return {
    name: 'fetch',
    async run(io) {
      await notedAsSyncing(io);
      if ((await findBuilt(io, release)) === null) await fetchTree(io, release);
      else io.log('Not fetched: the image of this commit is on the host', 'step');
      return {};
    },
    async undo(io) {
      await io.files.clear();
      await notedAsBefore(io);
    },
  };
}

/** Another holder of this deployment may have been on another data folder, or have cleared what it fetched. */
export async function ensureTree(io: StepIo, release: Release<StaticConfig>): Promise<void> {
  if ((await io.files.stat(WHOLE)) === null) await fetchTree(io, release);
}

/** Nothing of it is left when it fails. */
async function fetchTree(io: StepIo, release: Release<StaticConfig>): Promise<void> {
  await io.files.clear();
  try {
    const { files, bytes } = await download(io, release);
    await io.files.write(WHOLE, new Uint8Array());
    const { repository, sha } = release.artifact;
    io.log(`Fetched ${files} file(s), ${bytes} bytes, of ${repository} at ${sha?.slice(0, 12)}`, 'step');
  } catch (error) {
    await io.files.clear();
    throw error;
  }
}

async function download(io: StepIo, { artifact, config }: Release<StaticConfig>): Promise<Extracted> {
  const subject = await subjectOf(config, io);
  // Ends the request, too, when its archive is not read to the end.
  const over = new AbortController();
  const signal = AbortSignal.any([io.signal, over.signal]);
  const timeouts = { timeoutMs: TREE_LIMITS.seconds * 1000, idleMs: IDLE_MS };
  try {
    const archive = await openArchive({ ...io, signal }, subject, { sha: artifact.sha!, ...timeouts });
    await extractTree(archive, { files: io.files, into: TREE, folder: config.folderPath, limits: TREE_LIMITS });
    return await verifyTree(io.files, TREE, TREE_LIMITS);
  } finally {
    over.abort();
  }
}
