import semver from 'semver';
import { admits } from '../../glob.js';
import type { GitPush } from '../../inbound.js';
import type { Accepted } from '../../trigger.js';
import type { GitTriggerConfig } from './git-trigger.config.dto.js';
import { SEMVER } from './rules.js';

export interface Judged {
  readonly verdict: 'matched' | 'filtered';
  readonly code: string;
  readonly reason: string;
}

/** One push against one config: repository, ref, markers, paths, and what was accepted last. */
export function judgePush(push: GitPush, config: GitTriggerConfig, last: Accepted | null): Judged {
  return (
    otherRepo(push, config) ??
    otherRef(push, config) ??
    marked(push, config) ??
    known(push, last) ??
    byPaths(push, config)
  );
}

/** A push that names no repository (a body of only a ref) fits any: the secret address says whose it is. */
function otherRepo({ repo }: GitPush, config: GitTriggerConfig): Judged | null {
  if (repo === null || config.repo === null || pathOf(repo) === pathOf(config.repo)) return null;
  return filtered('other-repo', `the push is of ${repo}, this trigger follows ${config.repo}`);
}

/** `owner/name` of an address in any of its spellings, lower case: no host ranks two names by it. */
export function pathOf(repo: string): string {
  const path = repo.includes('://') ? (URL.parse(repo)?.pathname ?? repo) : repo.replace(/^[^/@]+@[^/:]+:/, '');
  return path
    .replace(/^\/+|\/+$/g, '')
    .replace(/\.git$/, '')
    .toLowerCase();
}

function otherRef(push: GitPush, config: GitTriggerConfig): Judged | null {
  const { branches, tags, events } = config;
  if (push.branch !== null) {
    if (!events.includes('push')) return filtered('branches-off', 'pushes of branches do not count here');
    if (branches.length > 0) return otherBranch(push.branch, branches);
    if (tags.length > 0) return filtered('other-branch', `branch ${push.branch}: only tags are named`);
    return notDefault(push.branch, push.defaultBranch ?? null);
  }
  const tag = push.tag ?? '';
  if (!events.includes('tag')) return filtered('tags-off', 'pushes of tags do not count here');
  if (tags.length === 0) return filtered('other-tag', `tag ${tag}: no tags are named`);
  return tagFits(tag, tags) ? null : filtered('other-tag', `tag ${tag} matches none of ${tags.join(', ')}`);
}

function otherBranch(branch: string, branches: readonly string[]): Judged | null {
  if (admits(branches)(branch) !== null) return null;
  return filtered('other-branch', `branch ${branch} matches none of ${branches.join(', ')}`);
}

const USUAL = ['main', 'master'];

/** Where the vendor does not say which one it is, the usual names are taken for it. */
function notDefault(branch: string, defaultBranch: string | null): Judged | null {
  const named = defaultBranch === null ? USUAL : [defaultBranch];
  if (named.includes(branch)) return null;
  return filtered('other-branch', `branch ${branch}: no branches are named, so only ${named.join(' or ')} counts`);
}

/** Ranges and globs stand in one list, in order. */
function tagFits(tag: string, tags: readonly string[]): boolean {
  const version = semver.parse(tag);
  return tags.reduce((isIn, pattern, index) => {
    if (pattern.startsWith(SEMVER))
      return isIn || (version !== null && semver.satisfies(version, pattern.slice(SEMVER.length)));
    if (!pattern.startsWith('!')) return isIn || admits([pattern])(tag) !== null;
    const isKept = admits([pattern])(tag) !== null;
    return (isIn || index === 0) && isKept;
  }, false);
}

const MARKER =
  /\[(?:skip ci|ci skip|no ci|skip actions|actions skip|skip cd|skip deploy)\]|^skip-checks:[ \t]*true[ \t]*$/im;

/** Release bots tag commits that are marked: a tag is meant. */
function marked({ message, tag }: GitPush, { skipMarkers }: GitTriggerConfig): Judged | null {
  const marker = skipMarkers && tag === null ? MARKER.exec(message ?? '')?.[0] : undefined;
  return marker === undefined ? null : filtered('skip-marker', `the newest commit says ${marker.trim()}`);
}

function known({ ref, sha }: GitPush, last: Accepted | null): Judged | null {
  if (sha === null || last === null || last.ref !== ref || last.sha !== sha) return null;
  return filtered('duplicate', `commit ${sha.slice(0, 12)} of ${ref} was accepted before`);
}

function byPaths(push: GitPush, { paths }: GitTriggerConfig): Judged {
  const named = push.tag === null ? `branch ${push.branch ?? push.ref}` : `tag ${push.tag}`;
  const pushed = `${named} was pushed`;
  if (push.tag !== null || (paths.include.length === 0 && paths.exclude.length === 0))
    return { verdict: 'matched', code: 'pushed', reason: pushed };
  if (push.paths === null || !push.pathsComplete)
    return { verdict: 'matched', code: 'paths-unknown', reason: `${pushed}; which files changed is not known` };
  const isIn = paths.include.length === 0 ? () => '**' : admits(paths.include);
  const isOut = admits(paths.exclude);
  const path = push.paths.find((each) => isIn(each) !== null && isOut(each) === null);
  if (path !== undefined) return { verdict: 'matched', code: 'paths-matched', reason: `${pushed}; ${path} changed` };
  return filtered('other-paths', `none of the ${push.paths.length} changed files counts here`);
}

function filtered(code: string, reason: string): Judged {
  return { verdict: 'filtered', code, reason };
}
