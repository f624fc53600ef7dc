import type { Proxy, ProxyFiles } from '../../source.js';
import { renderWorkload } from './render.js';

/** File name → text. */
type Files = Readonly<Record<string, string>>;

const PREFIX = 'tinyforge-';
const OURS = /^tinyforge-[\w-]+\.yml$/;

/**
 * Traefik 3 by its file provider: one file for each workload in the directory that it watches. It reads no route file,
 * so each switch is a file written anew. Its entry points are to be named `web` and `websecure`, its certificate
 * resolver `tinyforge`.
 */
export const traefik: Proxy = {
  kind: 'traefik',
  followsFiles: false,
  render(routes, io): Files {
    const ids = [...new Set(routes.map(({ workloadId }) => workloadId))].sort();
    return Object.fromEntries(
      ids.map((id) => {
        const own = routes.filter(({ workloadId }) => workloadId === id);
        // JSON is YAML, and takes any string as it is.
        return [`${PREFIX}${id}.yml`, `${JSON.stringify(renderWorkload(id, own, io), null, 2)}\n`];
      }),
    );
  },
  async apply(doc, { files }) {
    const wanted = doc as Files;
    const present = (await files.list()).filter((name) => OURS.test(name));
    let hasChanged = false;
    for (const [name, text] of Object.entries(wanted)) {
      if (present.includes(name) && (await files.read(name)) === text) continue;
      await files.write(name, text);
      hasChanged = true;
    }
    return (await removeOthers(files, present, wanted)) || hasChanged;
  },
};

async function removeOthers(files: ProxyFiles, present: readonly string[], wanted: Files): Promise<boolean> {
  const stale = present.filter((name) => !Object.hasOwn(wanted, name));
  for (const name of stale) await files.remove(name);
  return stale.length > 0;
}
