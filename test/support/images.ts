import { readFile } from 'node:fs/promises';
import { pack } from 'tar-stream';
import { engineCall } from './engine-call.js';

export interface ImageSpec {
  /** `repo:tag`, a registry's host and port in front where it will be pushed. */
  readonly tag: string;
  /** Absolute path → content. busybox and its applets are in `/bin` already. */
  readonly files?: Readonly<Record<string, string>>;
  readonly cmd: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  readonly labels?: Readonly<Record<string, string>>;
  readonly healthcheck?: { readonly test: readonly string[]; readonly intervalMs: number; readonly retries: number };
  readonly expose?: readonly number[];
}

export type DemoMode = 'ok' | 'exits' | 'unhealthy' | 'slow';

const APPLETS = [
  'sh',
  'httpd',
  'pidof',
  'usleep',
  'sleep',
  'wget',
  'cat',
  'echo',
  'true',
  'false',
  'ls',
  'env',
  'test',
  'nc',
  'kill',
];

/** Builds `FROM scratch` with busybox, without any registry. Resolves to the image's id. */
export async function buildImage(dockerHost: string, spec: ImageSpec): Promise<string> {
  const query = new URLSearchParams({ t: spec.tag, forcerm: 'true', rm: 'true' });
  const headers = { 'content-type': 'application/x-tar' };
  const { status, text } = await engineCall(dockerHost, {
    method: 'POST',
    path: `/build?${query.toString()}`,
    body: await contextOf(spec),
    headers,
  });
  const lines = linesOf(text);
  const failure = lines.find((line) => line.error !== undefined)?.error;
  const id = lines.find((line) => line.aux?.ID !== undefined)?.aux?.ID;
  if (status !== 200 || failure || !id) throw new Error(`Building ${spec.tag} failed: ${failure ?? text}`);
  return id;
}

/**
 * A small web service on port 8080 whose `/` says `version`. It ends within 2 s of a SIGTERM, its open requests
 * answered. `exits`: says so and ends with code 3. `unhealthy`: answers 404. `slow`: listens after 2 s.
 */
export function demoImage({ version, mode = 'ok' }: { version: string; mode?: DemoMode }): Omit<ImageSpec, 'tag'> {
  return {
    files: { '/serve.sh': serveScript(mode), ...(mode === 'unhealthy' ? {} : { '/www/index.html': version }) },
    cmd: mode === 'exits' ? ['sh', '-c', `echo "demo ${version} gives up" >&2; exit 3`] : ['sh', '/serve.sh'],
    env: { DEMO_VERSION: version },
    expose: [8080],
  };
}

/** Resolves to the digest the registry knows it by. */
export async function pushImage(
  dockerHost: string,
  tag: string,
  credential: { username: string; password: string } | null = null,
): Promise<string> {
  const [, repository, name] = /^(.*):([^:/]+)$/.exec(tag) ?? [];
  if (!repository || !name) throw new Error(`${tag} is not repo:tag`);
  // The engine wants the URL's alphabet, and the padding.
  const auth = Buffer.from(JSON.stringify(credential ?? {}))
    .toString('base64')
    .replaceAll('+', '-')
    .replaceAll('/', '_');
  const headers = { 'X-Registry-Auth': auth };
  const { text } = await engineCall(dockerHost, {
    method: 'POST',
    path: `/images/${repository}/push?tag=${name}`,
    headers,
  });
  const lines = linesOf(text);
  const failure = lines.find((line) => line.error !== undefined)?.error;
  const digest = lines.find((line) => line.aux?.Digest !== undefined)?.aux?.Digest;
  if (failure || !digest) throw new Error(`Pushing ${tag} failed: ${failure ?? text}`);
  return digest;
}

/** Absent is success. */
export async function removeImage(dockerHost: string, reference: string): Promise<void> {
  await engineCall(dockerHost, { method: 'DELETE', path: `/images/${reference}?force=true` });
}

interface Line {
  readonly error?: string;
  readonly aux?: { readonly ID?: string; readonly Digest?: string };
}

function linesOf(text: string): readonly Line[] {
  return text
    .split('\n')
    .filter((line) => line.trim())
    .map((line) => JSON.parse(line) as Line);
}

async function contextOf(spec: ImageSpec): Promise<Buffer> {
  const tar = pack();
  tar.entry({ name: 'Dockerfile' }, dockerfileOf(spec));
  tar.entry({ name: 'root/bin/busybox', mode: 0o755 }, await readFile('/bin/busybox'));
  for (const applet of APPLETS) tar.entry({ name: `root/bin/${applet}`, type: 'symlink', linkname: 'busybox' });
  tar.entry({ name: 'root/www/', type: 'directory' });
  tar.entry({ name: 'root/tmp/', type: 'directory', mode: 0o1777 });
  for (const [path, content] of Object.entries(spec.files ?? {}))
    tar.entry({ name: `root${path}`, mode: 0o755 }, content);
  tar.finalize();
  const chunks: Buffer[] = [];
  for await (const chunk of tar) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks);
}

function dockerfileOf(spec: ImageSpec): string {
  const { healthcheck: check } = spec;
  const pairs = (map: Readonly<Record<string, string>> = {}) =>
    Object.entries(map).map(([key, value]) => `${key}=${JSON.stringify(value)}`);
  return [
    'FROM scratch',
    'COPY root/ /',
    'ENV PATH=/bin',
    ...pairs(spec.env).map((pair) => `ENV ${pair}`),
    ...pairs(spec.labels).map((pair) => `LABEL ${pair}`),
    ...(spec.expose ?? []).map((port) => `EXPOSE ${port}`),
    ...(check
      ? [`HEALTHCHECK --interval=${check.intervalMs}ms --retries=${check.retries} CMD ${JSON.stringify(check.test)}`]
      : []),
    `CMD ${JSON.stringify(spec.cmd)}`,
    '',
  ].join('\n');
}

/** As process 1 a program without a handler never sees SIGTERM, so the shell takes it and lets requests end. */
function serveScript(mode: DemoMode): string {
  return [
    "trap 'kill $server; n=0; while pidof httpd >/dev/null && [ $n -lt 80 ]; do usleep 25000; n=$((n+1)); done; exit 0' TERM",
    mode === 'slow' ? 'sleep 2 & wait $!' : '',
    'httpd -f -p 8080 -h /www & server=$!',
    'echo "demo $DEMO_VERSION listens"',
    'wait $server',
    '',
  ].join('\n');
}
