import { describe, expect, it } from 'vitest';
import { checkConfig } from '#plugins/config';
import type { GitPush } from '#plugins/inbound';
import type { Accepted } from '#plugins/trigger';
import { git } from '#plugins/triggers/git/git';
import { GitTriggerConfig } from '#plugins/triggers/git/git-trigger.config.dto';

const sha = 'a'.repeat(40);
const none: Accepted = { tag: null, digest: null, ref: null, sha: null, createdAt: null };

describe('the config of a git trigger', () => {
  it('has the documented defaults', () => {
    expect(checkConfig(git.config, {})).toEqual({ value: git.sample, errors: [] });
    expect(JSON.parse(JSON.stringify(git.sample))).toEqual({
      repo: null,
      branches: [],
      tags: [],
      paths: { include: [], exclude: [] },
      skipMarkers: true,
      events: ['push', 'tag'],
    });
  });

  it.each([
    { repo: 'acme/shop', branches: ['main', 'release/**', '!**/wip-*'] },
    { repo: 'group/deeper/shop.git', tags: ['v*', 'semver:>=1.0.0 <2.0.0'] },
    { repo: 'git@git.example.com:acme/shop.git', events: ['tag'], tags: ['v{1,2}.*'] },
    { repo: 'https://git.example.com/acme/shop.git' },
    { paths: { include: ['services/shop/**'], exclude: ['**/*.md'] } },
  ])('accepts %j', (input) => {
    expect(checkConfig(git.config, input).errors).toEqual([]);
  });

  it.each([
    [{ repo: 'shop' }, '/repo', 'owner/name'],
    [{ repo: '--upload-pack=touch /tmp/x' }, '/repo', 'blanks'],
    [{ repo: '-oProxyCommand=x/y' }, '/repo', 'owner/name'],
    [{ repo: 'ext::sh/-c' }, '/repo', 'owner/name'],
    [{ repo: 'file:///etc/passwd' }, '/repo', 'https'],
    [{ repo: 'https://user:word@host/a/b' }, '/repo', 'password'],
    [{ repo: '../../etc/x' }, '/repo', 'owner/name'],
    [{ branches: ['refs/heads/main'] }, '/branches', 'refs/heads/'],
    [{ branches: ['feature/['] }, '/branches', 'not closed'],
    [{ branches: ['{a,{b}}'] }, '/branches', 'braces'],
    [{ branches: ['x'.repeat(201)] }, '/branches', '200'],
    [{ branches: [7] }, '/branches', 'string'],
    [{ branches: 'main' }, '/branches', 'array'],
    [{ tags: ['semver:one'] }, '/tags', 'semver range'],
    [{ paths: { include: [''] } }, '/paths/include', 'empty'],
    [{ paths: null }, '/paths', 'object'],
    [{ paths: { include: [], depth: 1 } }, '/paths/depth', 'should not exist'],
    [{ events: [] }, '/events', 'empty'],
    [{ events: ['delete'] }, '/events', 'push'],
    [{ skipMarkers: 'yes' }, '/skipMarkers', 'boolean'],
    [{ poll: { everySeconds: 60 } }, '/poll', 'should not exist'],
  ])('refuses %j at %s', (input, pointer, word) => {
    const { errors } = checkConfig(git.config, input);
    expect(errors.find((error) => error.pointer === pointer && error.detail.includes(word))).toBeDefined();
  });
});

describe('branches and tags', () => {
  it.each<[string, readonly string[], boolean]>([
    ['main', ['main'], true],
    ['release/1.2', ['release/*'], true],
    ['release/1/2', ['release/*'], false],
    ['release/1/2', ['release/**'], true],
    ['feature', ['feature/**'], true],
    ['features', ['feature/**'], false],
    ['a/b/wip-x', ['**', '!**/wip-*'], false],
    ['wip-x', ['**', '!**/wip-*'], false],
    ['wip-x', ['**', '!**/wip-*', 'wip-x'], true],
    ['main', ['!wip/**'], true],
    ['wip/a', ['!wip/**'], false],
    ['.hidden', ['*'], true],
    ['v1', ['v[0-9]'], true],
    ['vx', ['v[!0-9]'], true],
    ['fix-b', ['fix-{a,b}'], true],
    ['a.b', ['a?b'], true],
    ['a+b', ['a+b'], true],
    ['aab', ['a+b'], false],
    ['Main', ['main'], false],
  ])('%s against %j: %s', (branch, branches, isIn) => {
    expect(judge(push({ branch }), { branches: [...branches] }).verdict).toBe(isIn ? 'matched' : 'filtered');
  });

  it('cuts refs/heads/ once', () => {
    expect(judge(push({ branch: 'refs/heads/x' }), { branches: ['x'] }).code).toBe('other-branch');
  });

  it('takes the default branch where nothing is named, and the usual names where it is not known', () => {
    expect(judge(push({ branch: 'main' }), {}).code).toBe('pushed');
    expect(judge(push({ branch: 'develop' }), {}).code).toBe('other-branch');
    expect(judge({ ...push({ branch: 'develop' }), defaultBranch: 'develop' }, {}).code).toBe('pushed');
    expect(judge({ ...push({ branch: 'main' }), defaultBranch: 'develop' }, {}).reason).toContain('only develop');
  });

  it('takes no branch where only tags are named, and the other way round', () => {
    expect(judge(push({ branch: 'main' }), { tags: ['v*'] }).code).toBe('other-branch');
    expect(judge(push({ tag: 'v1' }), { branches: ['**'] }).code).toBe('other-tag');
    expect(judge(push({ tag: 'v1' }), { tags: ['v*'], events: ['push'] }).code).toBe('tags-off');
    expect(judge(push({ branch: 'main' }), { branches: ['main'], events: ['tag'] }).code).toBe('branches-off');
  });

  it.each<[string, readonly string[], boolean]>([
    ['v1.4.0', ['semver:>=1.0.0 <2.0.0'], true],
    ['v2.0.0', ['semver:>=1.0.0 <2.0.0'], false],
    ['v1.4.0-rc.1', ['semver:>=1.0.0 <2.0.0'], false],
    ['latest', ['semver:>=1.0.0 <2.0.0', 'latest'], true],
    ['v1.5.0', ['semver:^1.0.0', '!v1.5.*'], false],
    ['nightly', ['!v*'], true],
  ])('tag %s against %j: %s', (tag, tags, isIn) => {
    expect(judge(push({ tag }), { tags: [...tags] }).verdict).toBe(isIn ? 'matched' : 'filtered');
  });

  it('is not slowed down by a pattern that would make a backtracking one hang', () => {
    const hostile = ['**/'.repeat(30) + 'x', '{a,aa}'.repeat(20) + 'b', '*a'.repeat(60) + 'b'];
    const branch = 'a/'.repeat(400) + 'a';
    for (const pattern of hostile) expect(judge(push({ branch }), { branches: [pattern] }).code).toBe('other-branch');
  });
});

describe('the repository', () => {
  it.each([
    ['acme/shop', 'acme/shop'],
    ['acme/shop', 'https://git.example.com/Acme/Shop.git'],
    ['Acme/Shop', 'git@git.example.com:acme/shop.git'],
    [null, 'acme/shop'],
    ['acme/shop', null],
  ])('%s is %s', (pushed, repo) => {
    expect(judge(push({ branch: 'main', repo: pushed }), { repo }).verdict).toBe('matched');
  });

  it('is another one', () => {
    const { code, reason } = judge(push({ branch: 'main', repo: 'acme/blog' }), { repo: 'acme/shop' });
    expect({ code, reason }).toEqual({
      code: 'other-repo',
      reason: 'the push is of acme/blog, this trigger follows acme/shop',
    });
  });

  it("is the workload's own with its branch where none is named", () => {
    const own = { image: null, repo: 'acme/site', branch: 'trunk' };
    expect(git.complete!(new GitTriggerConfig(), own)).toMatchObject({ repo: 'acme/site', branches: ['trunk'] });
    const named = Object.assign(new GitTriggerConfig(), { tags: ['v*'] });
    expect(git.complete!(named, own)).toMatchObject({ branches: [] });
  });
});

describe('skip markers', () => {
  it.each(['x [skip ci]', 'x [CI SKIP]', 'x\n\nskip-checks: true', '[skip deploy] x', '[no ci]'])('%j', (message) => {
    expect(judge({ ...push({ branch: 'main' }), message }, {}).code).toBe('skip-marker');
    expect(judge({ ...push({ branch: 'main' }), message }, { skipMarkers: false }).code).toBe('pushed');
    expect(judge({ ...push({ tag: 'v1' }), message }, { tags: ['v*'] }).code).toBe('pushed');
  });
});

describe('paths', () => {
  const shop = { paths: { include: ['shop/**'], exclude: ['**/*.md'] } };

  it.each<[readonly string[], string]>([
    [['shop/a.ts', 'blog/a.ts'], 'paths-matched'],
    [['blog/a.ts'], 'other-paths'],
    [['shop/README.md'], 'other-paths'],
    [['shop/README.md', 'shop/.env'], 'paths-matched'],
    [[], 'other-paths'],
  ])('%j: %s', (paths, code) => {
    expect(judge({ ...push({ branch: 'main' }), paths, pathsComplete: true }, shop).code).toBe(code);
  });

  it('lets in what it does not know, and says so; never asks a tag', () => {
    expect(judge({ ...push({ branch: 'main' }), paths: ['blog/a'], pathsComplete: false }, shop)).toMatchObject({
      verdict: 'matched',
      code: 'paths-unknown',
    });
    expect(judge(push({ tag: 'v1' }), { ...shop, tags: ['v*'] }).code).toBe('pushed');
  });
});

describe('what it asks for', () => {
  it('is the commit, with the names that a tag template may use', () => {
    expect(judge(push({ branch: 'main' }), {})).toMatchObject({
      wish: { git: { repo: 'acme/shop', ref: 'refs/heads/main', branch: 'main', sha } },
      accepted: { ...none, ref: 'refs/heads/main', sha },
    });
  });

  it('is asked for once, also by forced pushes of the same commit', () => {
    const last = { ...none, ref: 'refs/heads/main', sha };
    expect(judge({ ...push({ branch: 'main' }), forced: true }, {}, last).code).toBe('duplicate');
    expect(judge(push({ branch: 'main' }), {}, { ...last, sha: 'b'.repeat(40) }).code).toBe('pushed');
    expect(judge(push({ tag: 'v1' }), { tags: ['v*'] }, last).code).toBe('pushed');
  });

  it('is the last of several refs that fits', () => {
    const pushes = ['main', 'next', 'docs'].map((branch) => ({ event: push({ branch }), createdAt: null }));
    const config = Object.assign(new GitTriggerConfig(), { branches: ['main', 'next'] });
    expect(git.match(pushes, config, null)).toMatchObject({ wish: { git: { branch: 'next' } } });
  });

  it('is what somebody asks for by hand', () => {
    const fire = { event: { kind: 'manual' as const, wish: { git: { sha } } }, createdAt: null };
    expect(git.match([fire], new GitTriggerConfig(), null)).toMatchObject({ code: 'manual', wish: { git: { sha } } });
  });
});

function push({ branch, tag, repo = 'acme/shop' }: { branch?: string; tag?: string; repo?: string | null }): GitPush {
  return {
    kind: 'git-push',
    vendor: 'gitea',
    repo,
    ref: branch === undefined ? `refs/tags/${tag}` : `refs/heads/${branch}`,
    refType: branch === undefined ? 'tag' : 'branch',
    branch: branch ?? null,
    tag: tag ?? null,
    sha,
    objectSha: null,
    before: null,
    created: false,
    forced: false,
    paths: null,
    pathsComplete: false,
    pusher: null,
    message: null,
  };
}

function judge(event: GitPush, config: Partial<GitTriggerConfig>, last: Accepted | null = null) {
  const whole = Object.assign(new GitTriggerConfig(), config);
  return git.match([{ event, createdAt: null }], whole, last);
}
