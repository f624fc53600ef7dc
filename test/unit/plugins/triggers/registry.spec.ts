import { describe, expect, it } from 'vitest';
import type { ImagePush } from '#plugins/inbound';
import type { Accepted, Candidate, Verdict } from '#plugins/trigger';
import { registry } from '#plugins/triggers/registry/registry';
import { RegistryTriggerConfig, type RegistrySelect } from '#plugins/triggers/registry/registry-trigger.config.dto';

const digest = (letter: string) => `sha256:${letter.repeat(64)}`;
const none: Accepted = { tag: null, digest: null, ref: null, sha: null, createdAt: null };

describe('semver', () => {
  const range = (text: string, more: Partial<RegistrySelect> = {}) => setup({ range: text, ...more });

  it.each([
    ['1.2.3', 'first'],
    ['v1.2.3', 'first'],
    ['2.0.0', 'out-of-range'],
    ['0.9.9', 'out-of-range'],
    ['1', 'not-semver'],
    ['1.2', 'not-semver'],
    ['01.2.3', 'not-semver'],
    ['2024.11.05', 'not-semver'],
    ['20241105', 'not-semver'],
    ['latest', 'not-semver'],
    ['1.2.3.4', 'not-semver'],
    ['1.2.3-alpine', 'prerelease'],
    ['1.3.0-beta.2', 'prerelease'],
    ['1.99999999999999999999.0', 'not-semver'],
  ])('judges %s against >=1.0.0 <2.0.0: %s', (tag, code) => {
    expect(push(tag, range('>=1.0.0 <2.0.0')).code).toBe(code);
  });

  it('says tag and range', () => {
    expect(push('2.0.0', range('>=1.0.0 <2.0.0')).reason).toBe('tag 2.0.0 is outside the range >=1.0.0 <2.0.0');
  });

  it.each([
    ['1.2.2', '1.2.3', 'older'],
    ['1.2.4', '1.2.3', 'newer'],
    ['1.10.0', '1.9.0', 'newer'],
    ['v1.2.3', '1.2.3', 'same-version'],
    ['1.3.0-beta.2', '1.3.0-beta.10', 'older'],
    ['1.3.0-rc.1', '1.3.0-beta.10', 'newer'],
    ['1.3.0', '1.3.0-rc.1', 'newer'],
    ['1.3.0-rc.1', '1.3.0', 'older'],
    ['1.2.3', 'latest', 'newer'],
  ])('%s after %s is %s', (tag, last, code) => {
    const verdict = push(tag, range('>=1.0.0 <2.0.0', { prerelease: true }), { ...none, tag: last });
    expect(verdict.code).toBe(code);
  });

  it('opens pre-releases only on the version that the range names one of', () => {
    expect(push('1.3.0-beta.10', range('~1.3.0-0')).verdict).toBe('matched');
    expect(push('1.3.0-beta.10', range('^1.2.0-0')).code).toBe('prerelease');
    expect(push('1.3.0-beta.10', range('^1.0.0', { prerelease: true })).verdict).toBe('matched');
  });

  it('takes a variant by its suffix, and only that one', () => {
    const alpine = range('^1.0.0', { suffix: 'alpine' });
    expect(push('1.2.3-alpine', alpine).verdict).toBe('matched');
    expect(push('1.2.3', alpine).code).toBe('other-suffix');
    expect(push('1.2.3-slim', alpine).code).toBe('other-suffix');
    expect(push('1.2.3-rc.1-alpine', alpine).code).toBe('prerelease');
    expect(push('1.2.2-alpine', alpine, { ...none, tag: '1.2.3-alpine' }).code).toBe('older');
    expect(push('1.2.3-alpine', range('^1.0.0', { suffix: '-alpine' })).verdict).toBe('matched');
  });

  it('lets a CalVer tag win where there is no upper bound', () => {
    expect(push('2024.11.5', range('>=1.0.0'), { ...none, tag: '1.2.3' }).code).toBe('newer');
    expect(push('2024.11.5', range('>=1.0.0 <2.0.0'), { ...none, tag: '1.2.3' }).code).toBe('out-of-range');
  });

  it('compares what extract takes out of the tag', () => {
    const release = range('^1.0.0', { include: ['^release-(?P<version>[0-9.]+)$'], extract: '${version}' });
    expect(push('release-1.4.0', release, { ...none, tag: 'release-1.3.0' }).code).toBe('newer');
    expect(push('1.4.0', release).code).toBe('not-included');
  });

  it('allows a downgrade where it is allowed', () => {
    const config = { ...range('^1.0.0'), downgrade: 'allow' as const };
    expect(push('1.0.0', config, { ...none, tag: '1.2.0' })).toMatchObject({ verdict: 'matched', code: 'downgrade' });
  });
});

describe('exact and digest follow one tag', () => {
  it.each(['exact', 'digest'] as const)('%s', (policy) => {
    const config = setup({ policy, tag: 'stable', range: null });
    expect(push('latest', config).code).toBe('other-tag');
    expect(push('stable', config).code).toBe('first');
    const last = { ...none, tag: 'stable', digest: digest('a') };
    expect(push('stable', config, last, digest('a')).code).toBe('duplicate');
    expect(push('stable', config, last, digest('b')).code).toBe('tag-pushed');
    expect(push('stable', config, last, null).code).toBe('tag-pushed');
  });
});

describe('numeric', () => {
  const config = setup({ policy: 'numeric', range: null, include: ['^build-([0-9]+)$'], extract: '$1' });

  it('orders by the number, not the text', () => {
    expect(push('build-10', config, { ...none, tag: 'build-9' }).code).toBe('newer');
    expect(push('build-9', config, { ...none, tag: 'build-10' }).code).toBe('older');
    expect(push('build-010', config, { ...none, tag: 'build-10' }).code).toBe('same-version');
  });

  it('does not round', () => {
    const last = { ...none, tag: 'build-9007199254740992' };
    expect(push('build-9007199254740993', config, last).code).toBe('newer');
  });

  it('takes whole tags without extract', () => {
    const plain = setup({ policy: 'numeric', range: null });
    expect(push('20241105', plain, { ...none, tag: '20241104' }).code).toBe('newer');
    expect(push('v5', plain).code).toBe('not-numeric');
  });
});

describe('lexical', () => {
  it('orders by code points', () => {
    const config = setup({ policy: 'lexical', range: null });
    expect(push('2024-11-05', config, { ...none, tag: '2024-09-30' }).code).toBe('newer');
    expect(push('b', config, { ...none, tag: 'B' }).code).toBe('newer');
    expect(push('9', config, { ...none, tag: '10' }).code).toBe('newer');
  });
});

describe('newest', () => {
  const config = setup({ policy: 'newest', range: null });
  const at = (createdAt: string | null, last: Accepted | null = null) =>
    judged([{ event: event('x'), createdAt }], config, last);

  it('orders by the time of the build', () => {
    const last = { ...none, tag: 'w', createdAt: '2026-01-02T00:00:00Z' };
    expect(at('2026-01-03T00:00:00Z', last).code).toBe('newer');
    expect(at('2026-01-01T00:00:00Z', last).code).toBe('older');
  });

  it.each([null, '1970-01-01T00:00:00Z', '0001-01-01T00:00:00Z', '1980-01-01T00:00:01Z', 'soon'])(
    'takes %s for no date',
    (date) => {
      expect(at(date).code).toBe('no-created-date');
    },
  );
});

describe('track', () => {
  const last = { ...none, tag: '1.2.3', digest: digest('a') };
  const config = (track: 'tag' | 'digest' | 'both') => ({ ...setup({ range: '^1.0.0' }), track });

  it.each([
    ['tag', '1.2.3', 'b', 'same-version'],
    ['tag', '1.2.4', 'b', 'newer'],
    ['digest', '1.2.3', 'b', 'new-digest'],
    ['digest', '1.2.4', 'b', 'tag-not-tracked'],
    ['both', '1.2.3', 'b', 'new-digest'],
    ['both', '1.2.4', 'b', 'newer'],
    ['both', '1.2.3', 'a', 'duplicate'],
    ['both', '1.2.2', 'b', 'older'],
  ] as const)('%s: %s with digest %s is %s', (track, tag, letter, code) => {
    expect(push(tag, config(track), last, digest(letter)).code).toBe(code);
  });
});

describe('patterns', () => {
  it('are anchored as written, exclude before include', () => {
    const config = setup({ policy: 'lexical', range: null, include: ['^v', 'rel'], exclude: ['debug'] });
    expect(push('v1', config).verdict).toBe('matched');
    expect(push('prerelease', config).verdict).toBe('matched');
    expect(push('xv1', config).code).toBe('not-included');
    expect(push('v1-debug', config)).toMatchObject({
      code: 'excluded',
      reason: expect.stringContaining('debug') as string,
    });
  });
});

describe('the image', () => {
  const config = { ...setup({ range: '^1.0.0' }), image: 'ghcr.io/acme/shop' };

  it('has to be the followed one', () => {
    const verdict = judged([{ event: { ...event('1.0.0'), repository: 'acme/other' }, createdAt: null }], config, null);
    expect(verdict.code).toBe('other-image');
    expect(verdict.reason).toContain('ghcr.io/acme/other');
    expect(verdict.reason).toContain('ghcr.io/acme/shop');
  });

  it('may be on another registry only when the push does not say', () => {
    const elsewhere = { ...event('1.0.0'), registry: 'registry.corp:5000' };
    expect(judged([{ event: elsewhere, createdAt: null }], config, null).code).toBe('other-image');
    const silent = { ...event('1.0.0'), registry: null };
    expect(judged([{ event: silent, createdAt: null }], config, null)).toMatchObject({
      verdict: 'matched',
      wish: { image: { repository: 'ghcr.io/acme/shop', tag: '1.0.0' } },
    });
    expect(judged([{ event: silent, createdAt: null }], { ...config, image: null }, null).code).toBe('no-registry');
  });

  it("is filled from the workload's own, without its tag", () => {
    const filled = registry.complete?.({ ...config, image: null }, { image: 'Nginx:1.27', repo: null });
    expect(filled?.image).toBe('docker.io/library/nginx');
    expect(registry.complete?.(config, { image: 'nginx', repo: null }).image).toBe('ghcr.io/acme/shop');
    expect(registry.complete?.({ ...config, image: null }, { image: null, repo: 'a/b' }).image).toBeNull();
  });
});

describe('what is asked of the source', () => {
  it('is the pushed image, and that is what the next one is compared with', () => {
    expect(judged([{ event: event('1.0.0', digest('a')), createdAt: null }], setup({ range: '^1.0.0' }), null)).toEqual(
      {
        verdict: 'matched',
        code: 'first',
        reason: expect.stringContaining('1.0.0') as string,
        wish: { image: { repository: 'ghcr.io/acme/shop', tag: '1.0.0', digest: digest('a') } },
        accepted: { ...none, tag: '1.0.0', digest: digest('a') },
      },
    );
  });

  it('is nothing for a push by digest alone', () => {
    for (const policy of ['exact', 'digest', 'semver', 'numeric', 'lexical', 'newest'] as const) {
      const config = setup({ policy, tag: 'x' });
      expect(judged([{ event: event(null, digest('a')), createdAt: null }], config, null).code).toBe('untagged');
    }
  });

  it('is the highest of several', () => {
    const candidates = ['1.0.0', '3.0.0', '1.10.0', '1.9.0'].map((tag) => ({ event: event(tag), createdAt: null }));
    expect(judged(candidates, setup({ range: '<2.0.0' }), null)).toMatchObject({ wish: { image: { tag: '1.10.0' } } });
    expect(judged([], setup({ range: '<2.0.0' }), null).code).toBe('no-candidate');
  });

  it('is what a manual fire says, else the followed tag, else the newest', () => {
    const fire = (wish?: object): Candidate => ({ event: { kind: 'manual', ...(wish && { wish }) }, createdAt: null });
    const exact = setup({ policy: 'exact', tag: 'stable' });
    const last = { ...none, tag: 'stable' };
    expect(judged([fire({ force: true })], exact, last)).toMatchObject({ wish: { force: true }, accepted: last });
    expect(judged([fire()], exact, last)).toMatchObject({ wish: { image: { tag: 'stable' } } });
    expect(judged([fire()], setup({}), last)).toMatchObject({ verdict: 'matched', wish: {} });
  });
});

describe('minAgeSeconds', () => {
  const config = { ...setup({ range: '^1.0.0' }), minAgeSeconds: 3_600 };
  const aged = (createdAt: string | null, seenAt?: string): Verdict =>
    judged([{ event: event('1.0.0'), createdAt, ...(seenAt !== undefined && { seenAt }) }], config, null);

  it('waits until the image is old enough, and never guesses', () => {
    expect(aged('2026-01-01T00:00:00Z', '2026-01-01T00:59:59Z').code).toBe('too-young');
    expect(aged('2026-01-01T00:00:00Z', '2026-01-01T01:00:00Z').verdict).toBe('matched');
    expect(aged(null, '2026-01-01T01:00:00Z').code).toBe('age-unknown');
    expect(aged('2026-01-01T00:00:00Z').code).toBe('age-unknown');
  });
});

function setup(select: Partial<RegistrySelect>): RegistryTriggerConfig {
  const config = new RegistryTriggerConfig();
  return { ...config, select: { ...config.select, ...select } };
}

function event(tag: string | null, pushed: string | null = null): ImagePush {
  return { kind: 'image-push', registry: 'ghcr.io', repository: 'acme/shop', tag, digest: pushed };
}

function push(
  tag: string,
  config: RegistryTriggerConfig,
  last: Accepted | null = null,
  pushed: string | null = null,
): Verdict {
  return judged([{ event: event(tag, pushed), createdAt: null }], config, last);
}

function judged(candidates: readonly Candidate[], config: RegistryTriggerConfig, last: Accepted | null): Verdict {
  return registry.match(candidates, config, last);
}
