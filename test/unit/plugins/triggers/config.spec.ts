import { describe, expect, it } from 'vitest';
import { checkConfig } from '#plugins/config';
import { manual } from '#plugins/triggers/manual/manual';
import { registry } from '#plugins/triggers/registry/registry';
import { TRIGGERS } from '#plugins/triggers/triggers';

describe('the config of a registry trigger', () => {
  it('takes the values of the sample for what is left out', () => {
    expect(checkConfig(registry.config, {})).toEqual({ value: registry.sample, errors: [] });
    expect(JSON.parse(JSON.stringify(registry.sample))).toEqual({
      image: null,
      select: {
        policy: 'semver',
        tag: null,
        range: '>=1.0.0 <2.0.0',
        prerelease: false,
        suffix: null,
        include: [],
        exclude: [],
        extract: null,
      },
      track: 'tag',
      poll: null,
      downgrade: 'forbid',
      minAgeSeconds: 0,
      platform: null,
    });
  });

  it.each([
    { select: { policy: 'exact', tag: 'latest' } },
    { select: { policy: 'digest', tag: 'stable' }, poll: {} },
    { select: { range: '^1.2.0', suffix: 'alpine', exclude: ['-debug$'] }, track: 'both', downgrade: 'allow' },
    { select: { policy: 'numeric', include: ['^b-(?P<n>[0-9]+)$'], extract: '${n}' } },
    { select: { policy: 'newest' }, image: 'registry.corp:5000/team/api', platform: 'linux/arm/v7', minAgeSeconds: 60 },
  ])('accepts %j', (config) => {
    expect(checkConfig(registry.config, config).errors).toEqual([]);
  });

  it.each([
    [{ image: 'ghcr.io/acme/shop:1' }, '/image', 'select.tag'],
    [{ image: 'not an image' }, '/image', 'repository'],
    [{ image: 7 }, '/image', 'image name'],
    [{ select: {} }, '/select/range', 'needs a range'],
    [{ select: { range: 'one to two' } }, '/select/range', 'no semver range'],
    [{ select: { range: ' ' } }, '/select/range', 'semver range'],
    [{ select: { policy: 'exact' } }, '/select/tag', 'needs a tag'],
    [{ select: { policy: 'digest' } }, '/select/tag', 'needs a tag'],
    [{ select: { policy: 'exact', tag: 'a b' } }, '/select/tag', 'image tag'],
    [{ select: { policy: 'glob' } }, '/select/policy', 'exact'],
    [{ select: { policy: 'lexical', include: ['('] } }, '/select/include', 'RE2'],
    [{ select: { policy: 'lexical', exclude: ['(?=x)'] } }, '/select/exclude', 'RE2'],
    [{ select: { policy: 'lexical', include: 'x' } }, '/select/include', 'array'],
    [{ select: { policy: 'numeric', extract: '$1' } }, '/select/extract', 'include'],
    [{ select: { policy: 'numeric', include: ['^[0-9]+$'], extract: '$1' } }, '/select/extract', 'group 1'],
    [{ select: { policy: 'lexical', suffix: 'a b' } }, '/select/suffix', 'alpine'],
    [{ select: { policy: 'lexical', prerelease: 'no' } }, '/select/prerelease', 'boolean'],
    [{ select: { policy: 'lexical', colour: 'red' } }, '/select/colour', 'should not exist'],
    [{ select: [] }, '/select', 'object'],
    [{ select: null }, '/select', 'object'],
    [{ poll: { everySeconds: 59 } }, '/poll/everySeconds', '60'],
    [{ poll: { jitter: 2 } }, '/poll/jitter', '0.5'],
    [{ poll: true }, '/poll', 'object'],
    [{ track: 'all' }, '/track', 'digest'],
    [{ downgrade: true }, '/downgrade', 'forbid'],
    [{ minAgeSeconds: -1 }, '/minAgeSeconds', '0'],
    [{ platform: 'linux' }, '/platform', 'linux/amd64'],
    [{ colour: 'red' }, '/colour', 'should not exist'],
  ])('refuses %j at %s', (config, pointer, word) => {
    const { errors } = checkConfig(registry.config, config);
    expect(errors.map((error) => error.pointer)).toContain(pointer);
    expect(errors.find((error) => error.pointer === pointer && error.detail.includes(word))).toBeDefined();
  });
});

describe('every trigger', () => {
  it('has a kind of its own and a sample that its own config accepts', () => {
    expect(new Set(TRIGGERS.map((trigger) => trigger.kind)).size).toBe(TRIGGERS.length);
    for (const trigger of TRIGGERS) {
      expect(checkConfig(trigger.config, JSON.parse(JSON.stringify(trigger.sample))).errors).toEqual([]);
    }
  });
});

describe('the manual trigger', () => {
  it('takes no config', () => {
    expect(checkConfig(manual.config, {}).errors).toEqual([]);
    expect(checkConfig(manual.config, { cron: '* * * * *' }).errors).toMatchObject([{ pointer: '/cron' }]);
  });

  it('fires with what was asked for', () => {
    const wish = { image: { tag: '2' }, force: true };
    const verdict = manual.match([{ event: { kind: 'manual', wish }, createdAt: null }], {}, null);
    expect(verdict).toMatchObject({ verdict: 'matched', code: 'manual', wish, accepted: { tag: '2' } });
    expect(manual.match([{ event: { kind: 'manual' }, createdAt: null }], {}, null)).toMatchObject({ wish: {} });
  });

  it('does not take other events', () => {
    const tick = { kind: 'schedule', scheduledFor: '2026-01-01T00:00:00Z' } as const;
    expect(manual.match([{ event: tick, createdAt: null }], {}, null)).toMatchObject({ code: 'other-event' });
  });
});

it('polls no tags by the time of their build', () => {
  const { errors } = checkConfig(registry.config, { select: { policy: 'newest' }, poll: {} });
  expect(errors).toMatchObject([{ pointer: '/poll' }]);
});
