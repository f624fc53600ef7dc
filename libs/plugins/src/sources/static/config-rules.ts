import { GIT_PROVIDERS } from '../../git-providers/git-providers.js';

const MOST_URL = 2048;

/** Null where it is fine; the value may be of any type. */
export function baseUrlProblem(value: unknown, provider: unknown): string | null {
  const known = GIT_PROVIDERS.find(({ kind }) => kind === provider);
  if (value === null || value === undefined) {
    const isMissing = known !== undefined && known.defaultBaseUrl === null;
    return isMissing ? `baseUrl is required for ${known.title}: each installation has its own` : null;
  }
  const url = typeof value === 'string' && value.length <= MOST_URL ? URL.parse(value) : null;
  if (url === null || !['http:', 'https:'].includes(url.protocol))
    return 'baseUrl must be an address such as https://git.example.org';
  if (url.username !== '' || url.password !== '') return 'baseUrl must not hold a user or password: use accessToken';
  if (url.search !== '' || url.hash !== '') return 'baseUrl must have neither "?" nor "#"';
  return null;
}

/** Groups in groups where the provider has them. */
export function ownerProblem(value: unknown, provider: unknown): string | null {
  const hasGroups = GIT_PROVIDERS.find(({ kind }) => kind === provider)?.hasGroups === true;
  const parts = typeof value === 'string' && value.length <= 255 ? value.split('/') : [];
  const isFine = parts.length > 0 && parts.every(isName) && (hasGroups || parts.length === 1);
  return isFine ? null : 'repoOwner must be the name of a user, an organisation or a group: letters, digits, _ . -';
}

export function nameProblem(value: unknown): string | null {
  return typeof value === 'string' && value.length <= 100 && isName(value)
    ? null
    : 'repoName must be the name of a repository, without its owner: letters, digits, _ . -';
}

function isName(part: string): boolean {
  return /^[A-Za-z0-9_.-]+$/.test(part) && part !== '.' && part !== '..' && !part.startsWith('-');
}

/** Git's own rules for a branch (git check-ref-format). */
export function branchProblem(value: unknown): string | null {
  const text = typeof value === 'string' && value.length <= 255 ? value : '';
  const isOdd = text === '' || /[\u0000-\u0020\u007f~^:?*[\\]|\.\.|@\{|\/\/|^[-/]|[/.]$/.test(text);
  const isFine = !isOdd && text.split('/').every((part) => !part.startsWith('.') && !part.endsWith('.lock'));
  return isFine ? null : 'branch must be the name of a branch, without refs/heads/ in front';
}

export function folderProblem(value: unknown): string | null {
  return value === '' || isInside(value)
    ? null
    : 'folderPath must be a folder of the repository such as docs/public, without a leading "/" and without ".."';
}

export function entryProblem(value: unknown): string | null {
  return isInside(value) && /\.(?:m|c)?[jt]sx?$/.test(value as string)
    ? null
    : 'entry must be a .ts, .js, .tsx or .jsx file below folderPath, without a leading "/" and without ".."';
}

/** Plain parts only; a "%" might be another character to somebody. */
function isInside(value: unknown): boolean {
  if (typeof value !== 'string' || value.length > 1024 || /[\u0000-\u001f\u007f\\%?#*:,]/.test(value)) return false;
  return value.split('/').every((part) => part !== '' && part !== '.' && part !== '..' && !part.startsWith('-'));
}
