import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { DEFAULT_SETTINGS } from '#domain/settings';
import { openArchive, resolveCommit, type GitIo, type GitSubject } from '#plugins/git-providers/git-client';
import type { CommitWish } from '#plugins/git-providers/git-provider';
import { createHttp } from '#runtime/http';
import { startGitHost, WIRES, type GitHost } from '../../support/git-host.js';
import { createRepository, type GitRepository } from '../../support/git-repository.js';

const TOKEN = 'CANARY-git-token-77d1';
const http = createHttp();

let repository: GitRepository;
let first: string;
let newest: string;
beforeAll(async () => {
  repository = await createRepository();
  first = await repository.commit({ 'index.html': 'one' });
  await repository.tag('v1.0', first);
  newest = await repository.commit({ 'index.html': 'two' });
  await repository.commit({ 'index.html': 'side' }, 'feature/side');
});
afterAll(async () => {
  await repository?.clear();
  await http.stop();
});

describe.each(Object.keys(WIRES))('%s', (provider) => {
  let host: GitHost;
  let allowed: readonly string[];
  beforeAll(async () => {
    host = await startGitHost({ provider, owner: 'acme', name: 'site', repository });
  });
  beforeEach(() => {
    Object.assign(host, { token: null, intercept: null });
    host.requests.length = 0;
    allowed = host.hosts;
  });
  afterAll(() => host?.stop());

  const subject = (more: Partial<GitSubject> = {}): GitSubject => {
    return { provider, baseUrl: host.baseUrl, repository: 'acme/site', token: null, ...more };
  };
  const io = (): GitIo => ({
    http,
    signal: AbortSignal.timeout(10_000),
    settings: async () => ({ ...DEFAULT_SETTINGS, allowedProviderHosts: allowed }),
  });
  const commitOf = (wish: CommitWish, more?: Partial<GitSubject>) => resolveCommit(io(), subject(more), wish);
  const fetched = async (sha: string, more?: Partial<GitSubject>): Promise<Buffer> => {
    const chunks: Uint8Array[] = [];
    const archive = await openArchive(io(), subject(more), { sha, timeoutMs: 5_000, idleMs: 1_000 });
    for await (const chunk of archive) chunks.push(chunk);
    return Buffer.concat(chunks);
  };

  it('tells what a branch, a tag and a commit are', async () => {
    expect(await commitOf({ branch: 'main' })).toBe(newest);
    expect(await commitOf({ branch: 'feature/side' })).toBe(await repository.git('rev-parse', 'feature/side'));
    expect(await commitOf({ tag: 'v1.0' })).toBe(first);
    expect(await commitOf({ sha: first })).toBe(first);
  });

  it('hands out the tree of a commit', async () => {
    const [header] = await fetched(first);
    expect(header, 'gzip').toBe(0x1f);
    expect(host.requests.every(({ url }) => !url.includes('CANARY'))).toBe(true);
  });

  it('is asked with the token in a header, which no other host gets', async () => {
    host.token = TOKEN;
    expect(await commitOf({ branch: 'main' }, { token: TOKEN })).toBe(newest);
    expect((await fetched(newest, { token: TOKEN })).length).toBeGreaterThan(0);
    for (const { host: name, url, headers } of host.requests) {
      expect(url).not.toContain(TOKEN);
      const isOther = `http://${name}` !== host.baseUrl;
      expect(JSON.stringify(headers).includes(TOKEN)).toBe(!isOther);
    }
  });

  it.each<[what: string, wish: CommitWish, more: Partial<GitSubject>]>([
    ['branch', { branch: 'gone' }, {}],
    ['tag', { tag: 'v9' }, {}],
    ['commit', { sha: 'f'.repeat(40) }, {}],
    ['repository', { branch: 'main' }, { repository: 'acme/other' }],
  ])('has no such %s, and says what to check', async (_what, wish, more) => {
    const refused = commitOf(wish, more);
    await expect(refused).rejects.toMatchObject({ name: 'TerminalError', code: 'no-such-ref' });
    await expect(refused).rejects.toThrow(/Check the names/);
  });

  it('shows a private repository to nobody without a token, and tells a wrong one', async () => {
    host.token = TOKEN;
    await expect(commitOf({ branch: 'main' })).rejects.toThrow(/accessToken if it is private/);
    const denied = commitOf({ branch: 'main' }, { token: 'CANARY-old' });
    await expect(denied).rejects.toMatchObject({ code: 'provider-denied', failureClass: 'operator' });
    await expect(denied).rejects.not.toThrow(/CANARY/);
  });

  it.each<[status: number, headers: Record<string, string>, expected: object]>([
    [429, { 'retry-after': '7' }, { code: 'provider-busy', retryAfterSeconds: 7 }],
    [403, { 'x-ratelimit-remaining': '0', 'retry-after': '3' }, { code: 'provider-busy', retryAfterSeconds: 3 }],
    [500, {}, { code: 'provider-unreachable' }],
    [503, { 'retry-after': '60' }, { code: 'provider-unreachable', retryAfterSeconds: 60 }],
  ])('is asked again after %i', async (status, headers, expected) => {
    host.intercept = (_request, response) => Boolean(response.writeHead(status, headers).end('{"message":"later"}'));
    await expect(commitOf({ branch: 'main' })).rejects.toMatchObject({ name: 'RetryableError', ...expected });
    await expect(fetched(first)).rejects.toMatchObject({ name: 'RetryableError', ...expected });
  });

  it('is given up when it does not go on sending, and when it cuts an archive', async () => {
    host.intercept = (_request, response) => {
      response.writeHead(200, { 'content-length': '100000' }).write('x');
      return true;
    };
    await expect(fetched(first)).rejects.toMatchObject({ name: 'RetryableError' });
    host.intercept = (_request, response) => {
      response.writeHead(200, { 'content-length': '100000' }).write('x', () => response.destroy());
      return true;
    };
    await expect(fetched(first)).rejects.toMatchObject({ name: 'RetryableError' });
  });

  it.each(['not json', '[]', 'null', '{"commit":null}', '{"sha":7,"id":7}', ''])(
    'answers %j, which is no commit',
    async (body) => {
      host.intercept = (_request, response) => Boolean(response.writeHead(200).end(body));
      await expect(commitOf({ branch: 'main' })).rejects.toMatchObject({ code: 'provider-refused' });
    },
  );

  it.each([
    'http://169.254.169.254/latest/meta-data',
    'http://127.1:1/',
    'https://[::ffff:127.0.0.1]/',
    'https://[64:ff9b::7f00:1]/',
    'https://100.64.0.1/',
    'https://0x7f.1/',
    'file:///etc/passwd',
  ])('does not lead to %s', async (location) => {
    host.intercept = (_request, response) => Boolean(response.writeHead(302, { location }).end());
    const led = fetched(first, { token: TOKEN });
    await expect(led).rejects.toMatchObject({ name: 'TerminalError' });
    expect(['blocked-address', 'invalid-url']).toContain(await led.catch((error: { code: string }) => error.code));
    expect(host.requests).toHaveLength(1);
  });

  it('is not asked where nobody allowed its address', async () => {
    allowed = [];
    const refused = commitOf({ branch: 'main' });
    await expect(refused).rejects.toMatchObject({ name: 'TerminalError', failureClass: 'operator' });
    await expect(refused).rejects.toThrow(/allowedProviderHosts/);
    expect(host.requests).toEqual([]);
  });
});
