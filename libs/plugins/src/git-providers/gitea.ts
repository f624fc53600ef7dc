import { encodePath, stringAt, type CommitRequest, type CommitWish, type GitProvider } from './git-provider.js';

/** Gitea and Forgejo. */
export const gitea: GitProvider = {
  kind: 'gitea',
  title: 'Gitea, Forgejo',
  defaultBaseUrl: null,
  hasGroups: false,
  apiUrl: (baseUrl) => `${baseUrl}/api/v1`,
  headers: (token): Record<string, string> => (token === null ? {} : { authorization: `token ${token}` }),
  commit: (repository, wish) => requestFor(`/repos/${encodePath(repository)}`, wish),
  archivePath: (repository, sha) => `/repos/${encodePath(repository)}/archive/${sha}.tar.gz`,
};

/** A branch may hold slashes here only; under `git/commits` it may not. */
function requestFor(path: string, wish: CommitWish): CommitRequest {
  if ('branch' in wish) {
    return { path: `${path}/branches/${encodePath(wish.branch)}`, read: (body) => stringAt(body, 'commit', 'id') };
  }
  if ('tag' in wish) {
    return { path: `${path}/tags/${encodePath(wish.tag)}`, read: (body) => stringAt(body, 'commit', 'sha') };
  }
  const leaveOut = 'stat=false&verification=false&files=false';
  return { path: `${path}/git/commits/${wish.sha}?${leaveOut}`, read: (body) => stringAt(body, 'sha') };
}
