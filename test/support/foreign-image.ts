import { createHash } from 'node:crypto';

const TYPE = 'application/vnd.docker.distribution.manifest.v2+json';

interface Manifest {
  readonly config: { readonly mediaType: string; readonly size: number; readonly digest: string };
}

/** Tags a pushed image once more in its registry as one that was built for another architecture. Returns its digest. */
export async function tagAsForeign(
  { host, repository }: { readonly host: string; readonly repository: string },
  { from, to, architecture }: { readonly from: string; readonly to: string; readonly architecture: string },
): Promise<string> {
  const base = `http://${host}/v2/${repository}`;
  const manifest = (await (await fetch(`${base}/manifests/${from}`, { headers: { accept: TYPE } })).json()) as Manifest;
  const config = (await (await fetch(`${base}/blobs/${manifest.config.digest}`)).json()) as object;
  const text = JSON.stringify({ ...config, architecture });
  const digest = await upload(base, text);
  const foreign = JSON.stringify({ ...manifest, config: { ...manifest.config, size: text.length, digest } });
  await must(fetch(`${base}/manifests/${to}`, { method: 'PUT', body: foreign, headers: { 'content-type': TYPE } }));
  return digestOf(foreign);
}

async function upload(base: string, text: string): Promise<string> {
  const started = await must(fetch(`${base}/blobs/uploads/`, { method: 'POST' }));
  const url = new URL(started.headers.get('location')!, base);
  url.searchParams.set('digest', digestOf(text));
  await must(fetch(url, { method: 'PUT', body: text, headers: { 'content-type': 'application/octet-stream' } }));
  return digestOf(text);
}

async function must(asking: Promise<Response>): Promise<Response> {
  const answer = await asking;
  if (!answer.ok) throw new Error(`${answer.url}: ${answer.status} ${await answer.text()}`);
  return answer;
}

function digestOf(text: string): string {
  return `sha256:${createHash('sha256').update(text).digest('hex')}`;
}
