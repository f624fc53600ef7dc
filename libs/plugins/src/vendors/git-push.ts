import { Malformed, type GitPush } from '../inbound.js';
import { ignored, type Ignored } from './outcome.js';
import { at, list, text } from './read-json.js';

export interface PushedRef {
  readonly vendor: string;
  readonly repo: string | null;
  /** Full: `refs/heads/main`. */
  readonly ref: string;
  /** What the ref points at now; all zeros or null for a ref that is gone. */
  readonly after: string | null;
  /** The commit behind `after`, where the vendor names it: differs for an annotated tag. */
  readonly commit?: string | null;
  readonly defaultBranch?: string | null;
  readonly before: string | null;
  readonly created?: boolean;
  readonly forced?: boolean;
  /** From {@link changedPaths}; null = unknown or cut. */
  readonly paths: readonly string[] | null;
  readonly pusher: string | null;
  readonly message?: string | null;
}

/** Checked and in one shape. Deletions and refs that are neither branch nor tag are ignored. */
export function gitPush(pushed: PushedRef): GitPush | Ignored {
  const named = readRef(pushed.ref);
  if (named === null) return ignored(`${pushed.ref.slice(0, 200)} is neither a branch nor a tag`);
  if (pushed.after === null || isZero(pushed.after)) return ignored(`${named.refType} ${named.name} was deleted`);
  const after = objectId(pushed.after);
  const sha = named.refType === 'tag' && pushed.commit ? objectId(pushed.commit) : after;
  const before = pushed.before === null || isZero(pushed.before) ? null : objectId(pushed.before);
  const paths = named.refType === 'branch' && pushed.forced !== true ? pushed.paths : null;
  return {
    kind: 'git-push',
    vendor: pushed.vendor,
    repo: pushed.repo === null ? null : repoName(pushed.repo),
    ref: pushed.ref,
    refType: named.refType,
    branch: named.refType === 'branch' ? named.name : null,
    tag: named.refType === 'tag' ? named.name : null,
    ...(pushed.defaultBranch ? { defaultBranch: pushed.defaultBranch.slice(0, 500) } : {}),
    sha,
    objectSha: sha === after ? null : after,
    before,
    created: pushed.created === true || before === null,
    forced: pushed.forced === true,
    paths,
    pathsComplete: paths !== null,
    pusher: pushed.pusher?.slice(0, 200) ?? null,
    message: pushed.message?.slice(0, MAX_MESSAGE) ?? null,
  };
}

/** The name after `refs/heads/` or `refs/tags/`, cut once; null for another ref. Throws {@link Malformed}. */
export function readRef(ref: string): { refType: 'branch' | 'tag'; name: string } | null {
  if (!isRefName(ref)) throw new Malformed(`"${ref.slice(0, 80)}" is no git ref`);
  if (ref.startsWith('refs/heads/')) return { refType: 'branch', name: ref.slice('refs/heads/'.length) };
  if (ref.startsWith('refs/tags/')) return { refType: 'tag', name: ref.slice('refs/tags/'.length) };
  return null;
}

/**
 * Sorted union of added, modified and removed over all commits; null when the list may be short: no commits, a commit
 * without file lists, as many commits as the vendor sends at most, or fewer than the total it names.
 */
export function changedPaths(
  commits: unknown,
  limit: { cap: number; total?: number | null },
): readonly string[] | null {
  const all = Array.isArray(commits) ? (commits as unknown[]) : [];
  const total = limit.total ?? null;
  if (all.length === 0 || (total === null ? all.length >= limit.cap : total > all.length)) return null;
  const paths = new Set<string>();
  for (const commit of all) {
    const lists = ['added', 'modified', 'removed'].map((key) => list(commit, key)).filter((found) => found !== null);
    if (lists.length === 0) return null;
    for (const path of lists.flat()) if (typeof path === 'string') paths.add(path.toWellFormed().replaceAll('\0', ''));
    if (paths.size > MAX_PATHS) return null;
  }
  return [...paths].sort();
}

/** The message of that commit in a list of `{ id, message }`, whichever end is the newest. */
export function messageOf(commits: unknown, sha: string | null): string | null {
  const all = Array.isArray(commits) ? (commits as unknown[]) : [];
  const found = sha === null ? undefined : all.find((commit) => at(commit, 'id') === sha);
  return text(found, 'message');
}

export function isZero(id: string): boolean {
  return /^0+$/.test(id);
}

/** A commit or object id, lower case: SHA-1 or SHA-256. Throws {@link Malformed}. */
export function objectId(id: string): string {
  const lower = id.toLowerCase();
  if (!/^(?:[0-9a-f]{40}|[0-9a-f]{64})$/.test(lower)) throw new Malformed(`"${id.slice(0, 80)}" is no commit id`);
  return lower;
}

/** More would bloat the record; a path filter then matches. */
const MAX_PATHS = 3_000;
const MAX_MESSAGE = 16_384;

/** git check-ref-format. */
function isRefName(ref: string): boolean {
  if (ref.length > 1_000 || /[\x00-\x20\x7f~^:?*[\\]|\.\.|@\{|\/\/|[./]$/.test(ref)) return false;
  const parts = ref.split('/');
  return parts.length > 1 && parts.every((part) => part !== '' && !part.startsWith('.') && !part.endsWith('.lock'));
}

function repoName(repo: string): string {
  if (repo.length > 500 || /[\x00-\x1f\x7f]/.test(repo)) throw new Malformed('the repository name is not one');
  return repo;
}
