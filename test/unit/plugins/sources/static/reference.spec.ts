import { describe, expect, it } from 'vitest';
import { checkConfig } from '#plugins/config';
import { staticSite } from '#plugins/sources/static/static';
import type { Wish } from '#plugins/inbound';

const sha = 'a'.repeat(40);
const accessToken = { secretId: 's1', version: 1, fingerprint: 'f' };
const config = checkConfig(staticSite.config, {
  provider: 'gitlab',
  repoOwner: 'group/team',
  repoName: 'site',
  branch: 'live',
  accessToken,
}).value;
const reference = (wish: Wish) => staticSite.reference(wish, config);

describe('what a site is deployed at', () => {
  it.each<[wish: Wish, git: object]>([
    [{}, { sha: null, branch: 'live', tag: null }],
    [{ git: { sha } }, { sha, branch: null, tag: null }],
    [{ git: { branch: 'other' } }, { sha: null, branch: 'other', tag: null }],
    [{ git: { tag: 'v1' } }, { sha: null, branch: null, tag: 'v1' }],
    [{ git: { repo: 'Group/Team/site', branch: 'live', sha } }, { sha }],
    [{ git: { repo: 'group/team/site', tag: 'v1', sha } }, { sha }],
  ])('of %j', (wish, git) => {
    expect(reference(wish)).toMatchObject({ kind: 'static', host: 'gitlab.com', repository: 'group/team/site', git });
  });

  it.each<[wish: Wish, skip: string]>([
    [{ image: { tag: '1.0' } }, 'not-an-image'],
    [{ git: { repo: 'group/other', branch: 'live', sha } }, 'other-repository'],
    [{ git: { repo: 'group/team/site', branch: 'wip', sha } }, 'other-branch'],
    [{ git: { sha: '--help' } }, 'invalid-sha'],
  ])('of %j is nothing: %s', (wish, skip) => expect(reference(wish)).toMatchObject({ skip }));

  it('is asked about once for equal wishes, and never with a token in the key', () => {
    const [one, two, other] = [reference({}), reference({}), reference({ git: { branch: 'x' } })] as { key: string }[];
    expect(one!.key).toBe(two!.key);
    expect(one!.key).not.toBe(other!.key);
    expect(staticSite.own(config)).toEqual({ image: null, repo: 'group/team/site' });
  });
});
