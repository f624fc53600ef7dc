import { RE2JS } from 're2js';
import semver from 'semver';
import type { ImagePush } from '../../inbound.js';
import type { Accepted, Candidate } from '../../trigger.js';
import type { RegistrySelect } from './registry-trigger.config.dto.js';
import { GROUP } from './rules.js';

/** What two candidates are compared by under one policy. */
export type Rank =
  | { readonly by: 'semver'; readonly value: semver.SemVer }
  | { readonly by: 'numeric'; readonly value: bigint }
  | { readonly by: 'lexical'; readonly value: string }
  | { readonly by: 'newest'; readonly value: number }
  /** exact and digest: one tag, no order. */
  | { readonly by: 'tag' };

export interface Misfit {
  readonly code: string;
  readonly reason: string;
}

/** The rank of a tagged push, or why its tag does not count. */
export function rankOf(candidate: Candidate & { readonly event: ImagePush }, select: RegistrySelect): Rank | Misfit {
  const { tag } = candidate.event;
  if (tag === null) return { code: 'untagged', reason: 'the push names a digest only, no tag' };
  return patternMisfit(tag, select) ?? rankTag(tag, candidate.createdAt, select);
}

/** The same for what was accepted before; null when it does not fit the policy of today. */
export function rankAccepted(last: Accepted, select: RegistrySelect): Rank | null {
  if (last.tag === null) return null;
  const rank = rankTag(last.tag, last.createdAt, { ...select, range: '*', prerelease: true });
  return 'by' in rank ? rank : null;
}

/** Negative when `a` is older than `b`; 0 where the policy has no order. */
export function compareRanks(a: Rank, b: Rank): number {
  if (a.by === 'semver' && b.by === 'semver') return semver.compare(a.value, b.value);
  if (a.by === 'tag' || b.by === 'tag' || a.by !== b.by) return 0;
  return a.value < b.value ? -1 : a.value > b.value ? 1 : 0;
}

function patternMisfit(tag: string, select: RegistrySelect): Misfit | null {
  const excluded = select.exclude.find((pattern) => finds(pattern, tag));
  if (excluded !== undefined) return { code: 'excluded', reason: `tag ${tag} matches the exclude pattern ${excluded}` };
  if (select.include.length === 0 || select.include.some((pattern) => finds(pattern, tag))) return null;
  return { code: 'not-included', reason: `tag ${tag} matches no include pattern (${select.include.join(', ')})` };
}

function rankTag(tag: string, createdAt: string | null, select: RegistrySelect): Rank | Misfit {
  if (select.policy === 'exact' || select.policy === 'digest') {
    if (tag === select.tag) return { by: 'tag' };
    return { code: 'other-tag', reason: `tag ${tag} is not ${select.tag ?? 'set'}` };
  }
  const bare = withoutSuffix(tag, select.suffix);
  if (bare === null)
    return { code: 'other-suffix', reason: `tag ${tag} does not end in ${dashed(select.suffix ?? '')}` };
  if (select.policy === 'newest') return rankCreated(tag, createdAt);
  const value = select.extract === null ? bare : extract(tag, select);
  if (value === null) return { code: 'no-extract', reason: `tag ${tag} has nothing for ${select.extract ?? ''}` };
  if (select.policy === 'lexical') return { by: 'lexical', value };
  if (select.policy === 'semver') return rankVersion(tag, value, select);
  if (/^[0-9]+$/.test(value)) return { by: 'numeric', value: BigInt(value) };
  return { code: 'not-numeric', reason: `tag ${tag} gives "${value}", which is no whole number` };
}

/** Full X.Y.Z only: coerced, the floating tags 1 and 1.2 would win as 1.0.0 and 1.2.0. */
function rankVersion(tag: string, value: string, select: RegistrySelect): Rank | Misfit {
  const version = semver.parse(value);
  const range = select.range ?? '*';
  if (version === null) return { code: 'not-semver', reason: `tag ${tag} is no full semantic version (X.Y.Z)` };
  if (semver.satisfies(version, range, { includePrerelease: select.prerelease }))
    return { by: 'semver', value: version };
  if (semver.satisfies(version, range, { includePrerelease: true })) {
    return { code: 'prerelease', reason: `tag ${tag} is a pre-release, and the range ${range} takes none here` };
  }
  return { code: 'out-of-range', reason: `tag ${tag} is outside the range ${range}` };
}

/** Reproducible builds say 1970 or 1980, Go's zero time year 1: no date to order by. */
function rankCreated(tag: string, createdAt: string | null): Rank | Misfit {
  const value = createdAt === null ? Number.NaN : Date.parse(createdAt);
  if (value > YEAR_1981) return { by: 'newest', value };
  return { code: 'no-created-date', reason: `tag ${tag}: the image does not say when it was built` };
}

const YEAR_1981 = Date.UTC(1981, 0, 1);

function withoutSuffix(tag: string, suffix: string | null): string | null {
  if (suffix === null) return tag;
  const end = dashed(suffix);
  return tag.endsWith(end) && tag.length > end.length ? tag.slice(0, -end.length) : null;
}

function dashed(suffix: string): string {
  return suffix.startsWith('-') ? suffix : `-${suffix}`;
}

/** The template with the groups of the first include pattern that matches; null when it comes out empty. */
function extract(tag: string, select: RegistrySelect): string | null {
  const pattern = select.include.find((one) => finds(one, tag));
  if (pattern === undefined || select.extract === null) return null;
  const matcher = RE2JS.compile(pattern).matcher(tag);
  if (!matcher.find()) return null;
  const value = select.extract.replace(GROUP, (_, digit: string | undefined, name: string | undefined) => {
    const group = digit ?? name ?? '';
    return matcher.group(/^[0-9]+$/.test(group) ? Number(group) : group) ?? '';
  });
  return value === '' ? null : value;
}

/** Anchored as written: `^` and `$` are the author's. */
function finds(pattern: string, tag: string): boolean {
  return RE2JS.compile(pattern).matcher(tag).find();
}
