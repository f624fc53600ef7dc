import { stringAt, type CommitWish, type GitProvider } from './git-provider.js';

/** A project is named by its whole path, as one part of the address. */
export const gitlab: GitProvider = {
  kind: 'gitlab',
  title: 'GitLab',
  defaultBaseUrl: 'https://gitlab.com',
  hasGroups: true,
  apiUrl: (baseUrl) => `${baseUrl}/api/v4`,
  headers: (token): Record<string, string> => (token === null ? {} : { 'private-token': token }),
  commit: (repository, wish) => ({
    path: `/projects/${encodeURIComponent(repository)}/repository/commits/${encodeURIComponent(nameOf(wish))}?stats=false`,
    read: (body) => stringAt(body, 'id'),
  }),
  archivePath: (repository, sha) => `/projects/${encodeURIComponent(repository)}/repository/archive.tar.gz?sha=${sha}`,
};

function nameOf(wish: CommitWish): string {
  if ('sha' in wish) return wish.sha;
  return 'branch' in wish ? wish.branch : wish.tag;
}
