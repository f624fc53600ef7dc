import { createHash } from 'node:crypto';
import { buildImage, demoImage, pushImage, removeImage, type ImageSpec } from '../images.js';

export interface Images {
  /** Tags `a`, `b`, `c` serve their own name; the others do what theirs says. */
  readonly repository: string;
  /** Of the workloads that are bound: tags are versions. */
  readonly pushed: string;
  /** Gives the version another tag: what a push of the same bytes comes to. Resolves to its digest. */
  tagPushed(version: string, of: Good): Promise<string>;
  /** A good image that no engine has yet. Resolves to its tag. */
  fresh(): Promise<string>;
  /** What the image of that digest serves. */
  versionOf(digest: string): string | undefined;
}

export const GOOD = ['a', 'b', 'c'] as const;
export type Good = (typeof GOOD)[number];
const MANIFEST = 'application/vnd.docker.distribution.manifest.v2+json';

export async function prepareImages(engineHost: string, registryHost: string): Promise<Images> {
  const repository = `${registryHost}/acme/app`;
  const pushed = `${registryHost}/acme/web`;
  const versions = new Map<string, string>();
  const put = async (tag: string, spec: Omit<ImageSpec, 'tag'>) => {
    await buildImage(engineHost, { tag: `${repository}:${tag}`, ...spec });
    versions.set(await pushImage(engineHost, `${repository}:${tag}`), tag);
  };
  for (const version of GOOD) await put(version, demoImage({ version }));
  await put('exits', demoImage({ version: 'exits', mode: 'exits' }));
  await put('unhealthy', demoImage({ version: 'unhealthy', mode: 'unhealthy' }));
  await put('silent', { ...demoImage({ version: 'silent' }), cmd: ['sleep', '3600'] });
  await put('flaps', flapping());
  await put('crashes', crashing());
  await buildImage(engineHost, { tag: `${pushed}:0.0.0`, ...demoImage({ version: 'a' }) });
  await pushImage(engineHost, `${pushed}:0.0.0`);
  const blobs = await manifests(registryHost, 'acme/app');
  let count = 0;
  const images: Images = {
    repository,
    pushed,
    tagPushed: (version, of) => putManifest(registryHost, { from: 'acme/app', version, manifest: blobs[of] }),
    async fresh() {
      const tag = `fresh-${(count += 1)}`;
      await put(tag, demoImage({ version: tag }));
      await removeImage(engineHost, `${repository}:${tag}`);
      return tag;
    },
    versionOf: (digest) => versions.get(digest),
  };
  for (const of of GOOD) await images.tagPushed(`0.0.${GOOD.indexOf(of) + 1}`, of);
  return images;
}

async function manifests(registryHost: string, name: string): Promise<Record<Good, string>> {
  const entries = GOOD.map(async (tag) => {
    const answer = await fetch(`http://${registryHost}/v2/${name}/manifests/${tag}`, { headers: { accept: MANIFEST } });
    return [tag, await answer.text()] as const;
  });
  return Object.fromEntries(await Promise.all(entries)) as Record<Good, string>;
}

interface PutManifest {
  readonly from: string;
  readonly version: string;
  readonly manifest: string;
}

/** The blobs are mounted from the other repository first. */
async function putManifest(registryHost: string, { from, version, manifest }: PutManifest): Promise<string> {
  const base = `http://${registryHost}/v2/acme/web`;
  const { config, layers } = JSON.parse(manifest) as { config: { digest: string }; layers: { digest: string }[] };
  for (const { digest } of [config, ...layers])
    await fetch(`${base}/blobs/uploads/?mount=${digest}&from=${from}`, { method: 'POST' });
  const headers = { 'content-type': MANIFEST };
  const answer = await fetch(`${base}/manifests/${version}`, { method: 'PUT', headers, body: manifest });
  if (!answer.ok) throw new Error(`tagging ${version}: ${answer.status} ${await answer.text()}`);
  return `sha256:${createHash('sha256').update(manifest).digest('hex')}`;
}

/** Serves for a moment each time it is started. */
function crashing(): Omit<ImageSpec, 'tag'> {
  const script = 'httpd -f -p 8080 -h /www & usleep 1500000; exit 1\n';
  return { files: { '/crash.sh': script, '/www/index.html': 'crashes' }, cmd: ['sh', '/crash.sh'], expose: [8080] };
}

/** Healthy when it is asked first, and not a moment later. */
function flapping(): Omit<ImageSpec, 'tag'> {
  const script = 'httpd -f -p 8080 -h /www & usleep 600000; busybox rm /www/index.html; wait\n';
  return { files: { '/flap.sh': script, '/www/index.html': 'flaps' }, cmd: ['sh', '/flap.sh'], expose: [8080] };
}
