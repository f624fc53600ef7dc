import { RE2JS } from 're2js';
import semver from 'semver';
import { isTag, parseReference, referenceProblem } from '#plugins/oci/reference';

/** What is wrong with a field of the config, for people; null when nothing is. */

export function imageProblem(value: unknown): string | null {
  if (value === null) return null;
  if (typeof value !== 'string') return 'must be an image name such as ghcr.io/acme/shop, or null';
  const problem = referenceProblem(value);
  if (problem !== null) return problem;
  const reference = parseReference(value);
  if (reference?.digest != null) return 'must not name a digest: the pushes bring it';
  return reference?.tag == null ? null : `must not name a tag: put "${reference.tag}" into select.tag`;
}

export function tagProblem(value: unknown, policy: string): string | null {
  const isNeeded = policy === 'exact' || policy === 'digest';
  if (value === null) return isNeeded ? `policy ${policy} needs a tag, such as "latest"` : null;
  return typeof value === 'string' && isTag(value) ? null : 'must be an image tag such as "latest", or null';
}

export function rangeProblem(value: unknown, policy: string): string | null {
  if (value === null) return policy === 'semver' ? 'policy semver needs a range, such as ">=1.0.0 <2.0.0"' : null;
  if (typeof value !== 'string' || value.trim() === '')
    return 'must be a semver range such as ">=1.0.0 <2.0.0", or null';
  if (value.length > 200) return 'has at most 200 characters';
  return semver.validRange(value) === null
    ? `"${value}" is no semver range: write ">=1.0.0 <2.0.0", "^1.2.0" or "1.x"`
    : null;
}

export function suffixProblem(value: unknown): string | null {
  const isSuffix = value === null || (typeof value === 'string' && /^-?[A-Za-z0-9_][A-Za-z0-9_.-]{0,126}$/.test(value));
  return isSuffix ? null : 'must be the end of a tag, such as "alpine", or null';
}

export function patternsProblem(value: unknown): string | null {
  for (const pattern of Array.isArray(value) ? (value as unknown[]) : []) {
    if (typeof pattern !== 'string' || pattern === '') return 'every pattern must be a string that is not empty';
    if (pattern.length > 200) return 'a pattern has at most 200 characters';
    const problem = patternProblem(pattern);
    if (problem !== null) return `"${pattern}" is no RE2 pattern: ${problem}`;
  }
  return null;
}

/** Groups that the template names have to be in an include pattern. */
export function extractProblem(value: unknown, include: unknown): string | null {
  if (value === null) return null;
  if (typeof value !== 'string' || value === '' || value.length > 200)
    return 'must be a template such as "$1", or null';
  const patterns = (Array.isArray(include) ? (include as unknown[]) : []).filter((one) => typeof one === 'string');
  if (patterns.length === 0) return 'needs an include pattern whose groups it names';
  if (patternsProblem(patterns) !== null) return null;
  const missing = groupsOf(value).find((group) => !patterns.every((pattern) => hasGroup(pattern, group)));
  return missing === undefined ? null : `names the group ${missing}, which not every include pattern has`;
}

/** The groups that a template names: `$1` and `${1}` by number, `${name}` by name. */
export function groupsOf(template: string): readonly string[] {
  return [...template.matchAll(GROUP)].map((found) => found[1] ?? found[2] ?? '');
}

export const GROUP = /\$(?:([0-9])|\{([A-Za-z0-9_]+)\})/g;

function hasGroup(pattern: string, group: string): boolean {
  const compiled = RE2JS.compile(pattern);
  return /^[0-9]+$/.test(group) ? Number(group) <= compiled.groupCount() : group in compiled.namedGroups();
}

function patternProblem(pattern: string): string | null {
  try {
    RE2JS.compile(pattern);
    return null;
  } catch (error) {
    return error instanceof Error ? error.message : 'it does not compile';
  }
}
