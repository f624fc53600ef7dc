import { encodePath, type CommitWish, type GitProvider } from './git-provider.js';

/** github.com and GitHub Enterprise Server, whose API is below `/api/v3`. */
export const github: GitProvider = {
  kind: 'github',
  title: 'GitHub',
  defaultBaseUrl: 'https://github.com',
  hasGroups: false,
  apiUrl(baseUrl) {
    const { hostname } = new URL(baseUrl);
    if (hostname === 'github.com' || hostname === 'www.github.com') return 'https://api.github.com';
    // Enterprise Cloud with data residency has its API on a name of its own.
    if (hostname.endsWith('.ghe.com') && !hostname.startsWith('api.')) return `https://api.${hostname}`;
    return `${baseUrl}/api/v3`;
  },
  headers: (token) => ({
    'x-github-api-version': '2022-11-28',
    ...(token !== null && { authorization: `Bearer ${token}` }),
  }),
  // The whole commit may be megabytes of patches: this media type is the id alone.
  commit: (repository, wish) => ({
    path: `/repos/${encodePath(repository)}/commits/${encodePath(nameOf(wish))}`,
    accept: 'application/vnd.github.sha',
    read: (body) => body.trim(),
  }),
  archivePath: (repository, sha) => `/repos/${encodePath(repository)}/tarball/${sha}`,
};

/** A branch and a tag of one name are told apart. */
function nameOf(wish: CommitWish): string {
  if ('sha' in wish) return wish.sha;
  return 'branch' in wish ? `heads/${wish.branch}` : `tags/${wish.tag}`;
}
