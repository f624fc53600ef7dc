import semver from 'semver';
import { globProblem } from '../../glob.js';

/** Before a tag pattern that is a range. */
export const SEMVER = 'semver:';

/** What is wrong with a field of the config, for people; null when nothing is. */

export function repoProblem(value: unknown): string | null {
  if (value === null) return null;
  if (typeof value !== 'string' || value === '' || value.length > 500)
    return 'must be owner/name or an https address, or null';
  if (/[\s\x00-\x1f\x7f]/.test(value)) return 'must not hold blanks';
  if (value.startsWith('-') || value.includes('::')) return 'must be owner/name or an https address';
  if (!value.includes('://')) return pathProblem(value);
  const url = URL.parse(value);
  if (url === null || !['https:', 'http:', 'ssh:'].includes(url.protocol)) return 'must be an https or ssh address';
  if (url.password !== '' || (url.username !== '' && url.protocol !== 'ssh:'))
    return 'must not hold a user or password';
  return url.pathname.length > 1 ? null : 'must name a repository after the host';
}

export function branchesProblem(value: unknown): string | null {
  const found = list(value).find((one) => typeof one === 'string' && /^!?refs\//.test(one));
  if (typeof found === 'string') return `has "${found}": leave out refs/heads/`;
  return globsProblem(value);
}

export function tagsProblem(value: unknown): string | null {
  for (const one of list(value)) {
    if (typeof one !== 'string' || !one.startsWith(SEMVER)) continue;
    if (semver.validRange(one.slice(SEMVER.length)) === null || one.length > 200)
      return `"${one.slice(0, 80)}" is no semver range: write semver:>=1.0.0 <2.0.0`;
  }
  return globsProblem(list(value).filter((one) => typeof one !== 'string' || !one.startsWith(SEMVER)));
}

export function globsProblem(value: unknown): string | null {
  for (const pattern of list(value)) {
    if (typeof pattern !== 'string') return 'every pattern must be a string';
    const problem = globProblem(pattern.startsWith('!') ? pattern.slice(1) : pattern);
    if (problem !== null) return `"${pattern.slice(0, 80)}" is no pattern: it ${problem}`;
  }
  return null;
}

/** `owner/name`, deeper for groups; scp-like `git@host:owner/name`. */
function pathProblem(value: string): string | null {
  const path = value.replace(/^[A-Za-z0-9_.-]+@[A-Za-z0-9.-]+:/, '');
  const isPath = path.split('/').every((part) => /^[A-Za-z0-9_.~-]+$/.test(part) && part !== '.' && part !== '..');
  return isPath && path.includes('/') ? null : 'must be owner/name or an https address';
}

function list(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? (value as unknown[]) : [];
}
