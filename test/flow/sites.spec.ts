import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { startApps, type Apps } from '../support/apps.js';
import { ensureBaseImages } from '../support/base-images.js';
import { createClient, type Client, type Json } from '../support/client.js';
import { getFace } from '../support/face-client.js';
import { startGitHost, type GitHost } from '../support/git-host.js';
import { createRepository, type GitRepository } from '../support/git-repository.js';
import { prepareGround, type Ground } from '../support/platform.js';
import { until } from '../support/until.js';

const TOKEN = 'CANARY-read-only-token-0123456789';

let ground: Ground;
let platform: Apps;
let client: Client;
let repository: GitRepository;
let git: GitHost;

beforeAll(async () => {
  repository = await createRepository();
  git = await startGitHost({ provider: 'gitea', owner: 'acme', name: 'site', repository });
  git.token = TOKEN;
  ground = await prepareGround({ TINYFORGE_PROXY: 'caddy', TINYFORGE_HTTP_PORT: '0', TINYFORGE_HTTPS_PORT: '0' });
  platform = await startApps(ground, ['all-in-one']);
  client = createClient(`http://127.0.0.1:${platform.ports['api']}`, ground.adminToken);
  const baseImages = await ensureBaseImages(ground.env['DOCKER_HOST']!);
  await client.send('PATCH', '/settings', { baseImages, allowedProviderHosts: git.hosts });
});

afterAll(async () => {
  const codes = await platform?.stop();
  await git?.stop();
  await repository?.clear();
  await ground?.clear();
  expect(codes).toEqual([0]);
});

test('a Markdown site is built at a commit, skipped when nothing changed, updated, promoted and rolled back', async () => {
  const first = await repository.commit({
    'docs/README.md': '# Hello\n\nfirst edition <script>alert(1)</script> [guide](guide.md)\n',
    'docs/guide.md': '# Guide\n',
    'docs/assets/app.3f2a1b4c.js': 'console.log(1)',
    'docs/.env': 'SECRET=1',
  });
  const dev = await site('docs', { folderPath: 'docs', renderMarkdown: true });
  const prod = await site('docs-live', { folderPath: 'docs', renderMarkdown: true }, dev);
  expect((await client.get(`/workloads/${dev}`)).sourceConfig.accessToken).toEqual({ $secret: 'set' });

  const deployed = await succeeded(await deploy(dev, {}));
  expect(deployed.release.artifact).toMatchObject({ kind: 'static', sha: first });
  const page = await face('docs', '/');
  expect(page.body).toContain('first edition');
  expect(page.body).not.toContain('<script');
  expect(page.body).toContain('href="guide.html"');
  expect((await face('docs', '/guide')).body).toContain('<h1>Guide</h1>');
  expect(await face('docs', '/.env')).toMatchObject({ status: 404 });
  expect(page.headers['cache-control']).toBe('no-cache');
  expect(page.headers['etag']).toBeTruthy();
  const asset = await face('docs', '/assets/app.3f2a1b4c.js');
  expect([asset.body, asset.headers['cache-control']]).toEqual([
    'console.log(1)',
    'public, max-age=31536000, immutable',
  ]);
  expect(await row(dev)).toMatchObject({ last_commit_sha: first, status: 'synced', last_sync_at: expect.any(String) });

  const skipped = await ended(await deploy(dev, {}));
  expect(skipped).toMatchObject({ status: 'skipped', error: { code: 'unchanged' } });
  expect((await client.get(`/workloads/${dev}`)).currentDeploymentId).toBe(deployed.id);
  await succeeded(await deploy(dev, { force: true }));

  const second = await repository.commit({ 'docs/README.md': '# Hello\n\nsecond edition\n' });
  await succeeded(await deploy(dev, { sha: second }));
  expect((await face('docs', '/')).body).toContain('second edition');
  expect(await row(dev)).toMatchObject({ last_commit_sha: second });

  const archives = git.requests.length;
  const promoted = await succeeded((await client.post(`/workloads/${prod}/promote-from`)).id as string);
  expect(promoted.release.artifact.sha).toBe(second);
  expect(git.requests.length, 'a promotion asks nobody').toBe(archives);
  expect((await face('docs-live', '/')).body).toContain('second edition');

  const rolledBack = await succeeded((await client.post(`/workloads/${dev}/rollback`)).id as string);
  expect(rolledBack).toMatchObject({ reason: 'rollback', release: { artifact: { sha: first } } });
  expect((await face('docs', '/')).body).toContain('first edition');
  expect(await row(dev)).toMatchObject({ last_commit_sha: first });
  expect(git.requests.length, 'the image is still there').toBe(archives);
});

test('a Deno program serves with its variables, and keeps its data', async () => {
  const program = (version: string) => `
    const at = '/data/count';
    Deno.serve(() => {
      let count = 0;
      try { count = Number(Deno.readTextFileSync(at)); } catch { /* the first */ }
      Deno.writeTextFileSync(at, String(count + 1));
      let refused = 'nothing';
      try { Deno.readTextFileSync('/etc/hostname'); } catch (error) { refused = error.name; }
      return new Response('${version} ' + Deno.env.get('GREETING') + ' ' + (count > 0) + ' ' + refused);
    });`;
  await repository.commit({ 'main.ts': program('v1') }, 'program');
  const id = await site('program', { branch: 'program', mode: 'deno', storageEnabled: true }, null, {
    GREETING: { value: 'hello' },
  });
  await succeeded(await deploy(id, {}));
  expect((await face('program', '/')).body).toMatch(/^v1 hello (true|false) (NotCapable|PermissionDenied)$/);
  await repository.commit({ 'main.ts': program('v2') }, 'program');
  await succeeded(await deploy(id, {}));
  expect((await face('program', '/')).body).toMatch(/^v2 hello true /);
});

test('storage past its limit is an event, and may only be read by what is deployed next', async () => {
  const program = `
    Deno.serve(() => {
      try {
        Deno.writeFileSync('/data/much', new Uint8Array(3 * 1024 * 1024));
        return new Response('written');
      } catch (error) {
        return new Response(String(error.message));
      }
    });`;
  await repository.commit({ 'main.ts': program }, 'hoarder');
  const config = { branch: 'hoarder', mode: 'deno', storageEnabled: true, storageLimitMb: 1 };
  const id = await site('hoarder', config);
  await succeeded(await deploy(id, {}));
  expect((await face('hoarder', '/')).body).toBe('written');
  const exceeded = await until(async () => {
    const { items } = await client.get('/events?type=StorageExceeded');
    return items.find((event: Json) => event.data.workloadId === id);
  }, 'the storage to be counted');
  expect(exceeded.data).toMatchObject({ limitMb: 1 });
  expect(exceeded.data.bytes).toBeGreaterThanOrEqual(3 * 1024 * 1024);
  expect(await row(id)).toMatchObject({ storage_over: true, storage_bytes: exceeded.data.bytes, status: 'synced' });
  await succeeded(await deploy(id, { force: true }));
  expect((await face('hoarder', '/')).body).toMatch(/read-only file system/i);
});

test('a push is deployed at its commit, one to another branch is not, and an app answers pages that are not there', async () => {
  await repository.commit({ 'index.html': 'app one', 'assets/index-BxY3_z1a.js': '1' }, 'app');
  const id = await site('app', { branch: 'app', spaFallback: true });
  const binding = await client.post(`/workloads/${id}/triggers`, {
    kind: 'git',
    name: 'pushes',
    config: { branches: ['**'] },
  });
  const { secret } = await client.get(`/triggers/${binding.triggerId}/webhook`);
  const push = async (branch: string, after: string) => {
    const body = { ref: `refs/heads/${branch}`, before: '0'.repeat(40), after, commits: [{ id: after, message: 'x' }] };
    const answer = await fetch(`http://127.0.0.1:${platform.ports['ingress']}/api/webhook/triggers/${secret}`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', 'x-gitea-event': 'push', 'x-gitea-delivery': randomUUID() },
      body: JSON.stringify({ ...body, repository: { full_name: 'acme/site' }, pusher: { login: 'ann' } }),
    });
    expect(answer.status).toBe(202);
    const { deliveryId } = (await answer.json()) as { deliveryId: string };
    return await until(async () => {
      const delivery = await client.get(`/deliveries/${deliveryId}`);
      return delivery.status === 'settled' && delivery;
    }, 'the push to be settled');
  };
  const after = await repository.commit({ 'index.html': 'app two' }, 'app');
  const pushed = await push('app', after);
  expect(pushed.outcomes, JSON.stringify(pushed.verdicts)).toMatchObject({ deployed: 1 });
  expect((await client.get(`/workloads/${id}`)).currentArtifact.sha).toBe(after);
  expect(await face('app', '/some/page')).toMatchObject({ status: 200, body: 'app two' });
  expect((await face('app', '/assets/gone.js')).status).toBe(404);
  expect((await face('app', '/assets/index-BxY3_z1a.js')).headers['cache-control']).toContain('immutable');
  const { etag } = (await face('app', '/')).headers;
  const again = await getFace({
    port: platform.ports['proxy']!,
    host: 'app.example.org',
    headers: { 'if-none-match': String(etag) },
  });
  expect(again.status).toBe(304);
  const other = await push('main', await repository.commit({ 'index.html': 'main' }));
  expect(other.verdicts).toMatchObject([{ verdict: 'filtered', code: 'other-branch' }]);
});

test('a first deployment that fails says why in its row', async () => {
  await repository.commit({ 'README.md': 'no program' }, 'empty');
  const id = await site('empty', { branch: 'empty', mode: 'deno', entry: 'nowhere.ts' });
  expect(await ended(await deploy(id, {}))).toMatchObject({ status: 'failed', error: { code: 'no-entry' } });
  const { items } = await client.get(`/workloads/${id}/containers`);
  expect(items).toMatchObject([{ id: `${id}:site`, state: 'missing', containerId: null }]);
  expect(items[0].extraJson).toMatchObject({ status: 'failed', last_error: expect.stringContaining('nowhere.ts') });
});

test('what cannot be fetched or run is refused with words, and what serves goes on', async () => {
  await repository.commit({ 'index.html': 'fine' }, 'plain');
  const id = await site('plain', { branch: 'plain' });
  await succeeded(await deploy(id, {}));
  const missing = await client.send('POST', `/workloads/${id}/deploy`, { sha: 'f'.repeat(40) });
  expect([missing.status, missing.body.code]).toEqual([422, 'no-such-ref']);
  await repository.git('symbolic-ref', 'HEAD', 'refs/heads/main');
  const sha = await symlinked();
  const refused = await ended(await deploy(id, { sha }));
  expect(refused).toMatchObject({ status: 'failed', error: { code: 'tree-unsafe', step: 'fetch' } });
  expect(await row(id)).toMatchObject({ status: 'failed', last_error: expect.stringContaining('symbolic link') });
  expect((await face('plain', '/')).body).toBe('fine');

  git.token = 'another-token-than-ours';
  const denied = await client.send('POST', `/workloads/${id}/deploy`, {});
  git.token = TOKEN;
  expect([denied.status, denied.body.code]).toEqual([502, 'provider-denied']);
});

test('the token is in no answer, event, log line or label', async () => {
  const texts = await Promise.all([
    client.text('/events?limit=200'),
    client.text('/deployments?limit=200'),
    client.text('/workloads?limit=200'),
  ]);
  expect(texts.join('')).not.toContain(TOKEN);
  expect(platform.output()).not.toContain(TOKEN);
  expect(git.requests.every(({ url }) => !url.includes(TOKEN))).toBe(true);
});

/** A commit with a symbolic link, which the branch has from then on. */
async function symlinked(): Promise<string> {
  const blob = await repository.git('rev-parse', 'plain:index.html');
  const tree = await repository.mktree(`120000 blob ${blob}\tlink\n100644 blob ${blob}\tindex.html\n`);
  return repository.git('-c', 'user.name=T', '-c', 'user.email=t@example.org', 'commit-tree', tree, '-m', 'link');
}

async function site(
  name: string,
  config: Readonly<Record<string, unknown>>,
  parentId: string | null = null,
  env: object = {},
): Promise<string> {
  const own = { provider: 'gitea', baseUrl: git.baseUrl, repoOwner: 'acme', repoName: 'site', accessToken: TOKEN };
  const workload = await client.post('/workloads', {
    name,
    parentId,
    env,
    sourceKind: 'static',
    sourceConfig: { ...own, drainSeconds: 0, ...config },
    faces: [{ host: `${name}.example.org` }],
  });
  return workload.id as string;
}

async function deploy(id: string, wish: object): Promise<string> {
  return (await client.post(`/workloads/${id}/deploy`, wish)).id as string;
}

function ended(id: string): Promise<Json> {
  return until(async () => {
    const deployment = await client.get(`/deployments/${id}`);
    return !['waiting', 'running'].includes(deployment.status) && deployment;
  }, `deployment ${id} to end`);
}

async function succeeded(id: string): Promise<Json> {
  const deployment = await ended(id);
  expect(deployment.status, JSON.stringify(deployment.error)).toBe('succeeded');
  return await until(async () => {
    const detail = await client.get(`/deployments/${id}`);
    return detail.steps.every((step: Json) => step.status === 'completed') && detail;
  }, `the steps of ${id}`);
}

/** `extra_json` of the row `<workloadId>:site`. */
async function row(id: string): Promise<Json> {
  const { items } = await client.get(`/workloads/${id}/containers`);
  return items.find((each: Json) => each.id === `${id}:site`)?.extraJson;
}

function face(name: string, path: string) {
  return getFace({ port: platform.ports['proxy']!, host: `${name}.example.org`, path });
}
