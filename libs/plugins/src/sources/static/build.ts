import { TerminalError } from '#domain/errors';
import type { Release, Step, StepIo } from '../../source.js';
import { pullImage } from '../../steps/pull-image.js';
import { baseOf, factsOf, findBuilt, nameFor, siteLabels, type Site } from './built.js';
import type { StaticConfig } from './config.dto.js';
import { siteContext } from './context.js';
import { ensureTree, TREE } from './fetch.js';

/** An image of the site on its base; facts `imageId`, `imageEnv`, `site`. One that is on the host is taken as it is. */
export function buildStep(release: Release<StaticConfig>): Step {
  return {
    name: 'build',
    async run(io) {
      const image = (await findBuilt(io, release)) ?? (await build(io, release));
      io.log(`The site is image ${image.id.slice(0, 19)}`, 'step');
      return factsOf(image);
    },
    undo: (io) => io.files.clear(),
  };
}

async function build(io: StepIo, release: Release<StaticConfig>) {
  await ensureTree(io, release);
  const site = await siteIn(io, release);
  const base = await baseOf(io, release);
  if ((await io.docker.inspectImage(base, io.signal)) === null) await pullImage(io, base, null);
  const image = await io.docker.build({
    context: siteContext(io, { base, site, config: release.config }),
    tag: await nameFor(io, release),
    labels: siteLabels(io, release, site),
    progress: (line) => io.log(line),
    signal: io.signal,
  });
  await io.files.clear();
  return image;
}

const ENTRIES = ['main.ts', 'mod.ts', 'server.ts'];

async function siteIn(io: StepIo, { config: { mode, entry, folderPath } }: Release<StaticConfig>): Promise<Site> {
  if (mode === 'static') {
    const index = await io.files.stat(`${TREE}/index.html`);
    if (index === null) io.log('There is no index.html at the root of the site', 'step');
    return { mode, entry: null };
  }
  for (const name of entry === null ? ENTRIES : [entry])
    if ((await io.files.stat(`${TREE}/${name}`))?.kind === 'file') return { mode, entry: name };
  const place = folderPath === '' ? 'the repository' : `folder ${folderPath}`;
  const wanted = entry ?? ENTRIES.join(', ');
  throw new TerminalError('no-entry', `The Deno program has no entry: there is no ${wanted} in ${place}. Set entry.`);
}
