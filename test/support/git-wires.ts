import type { IncomingHttpHeaders } from 'node:http';
import type { HostedRepository } from './git-host.js';

export interface Asked extends HostedRepository {
  readonly url: URL;
  readonly headers: IncomingHttpHeaders;
  readonly token: string | null;
  /** Origin of the second host. */
  readonly archives: string;
}

export interface Answer {
  readonly status: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body: string | Buffer;
}

export interface Wire {
  api(asked: Asked): Promise<Answer>;
  /** The host that archives are fetched from, where that is another one. */
  archives(asked: Asked): Promise<Answer>;
}

const JSON_TYPE = { 'content-type': 'application/json; charset=utf-8' };
const json = (status: number, value: object): Answer => ({ status, headers: JSON_TYPE, body: JSON.stringify(value) });
const tarball = (body: Buffer): Answer => ({ status: 200, headers: { 'content-type': 'application/x-gzip' }, body });

const nothingHere = async (): Promise<Answer> => json(404, { message: 'Not Found' });

/** Gitea 1.24: `token` in front; a private repository is not there for a stranger, a wrong token is 401. */
export const gitea: Wire = {
  archives: nothingHere,
  async api(asked) {
    const { url, owner, name, repository, headers, token } = asked;
    const missing = json(404, {
      message: "The target couldn't be found.",
      url: `${url.origin}/api/swagger`,
      errors: null,
    });
    const sent = headers.authorization;
    if (sent !== undefined && token !== null && sent !== `token ${token}`)
      return json(401, { message: 'user does not exist [uid: 0, name: ]', url: `${url.origin}/api/swagger` });
    const root = `/api/v1/repos/${owner}/${name}/`;
    if (!url.pathname.startsWith(root) || (token !== null && sent === undefined)) return missing;
    const path = decodeURIComponent(url.pathname.slice(root.length));
    const [, kind, rest] = /^(branches|tags|git\/commits|archive)\/(.+)$/.exec(path) ?? [];
    if (kind === 'archive') {
      const sha = await commitOf(asked, rest!.replace(/\.tar\.gz$/, ''));
      return sha === null ? missing : tarball(await repository.archive(sha, name));
    }
    const ref = { branches: `refs/heads/${rest}`, tags: `refs/tags/${rest}`, 'git/commits': rest }[kind ?? ''];
    const sha = ref === undefined ? null : await commitOf(asked, ref);
    if (sha === null) return missing;
    if (kind === 'branches') return json(200, { name: rest, commit: { id: sha, message: 'change' }, protected: false });
    if (kind === 'tags') return json(200, { name: rest, id: sha, commit: { sha, url: `${url.origin}/x` } });
    return json(200, { sha, created: '2026-11-20T08:00:00Z', commit: { message: 'change' } });
  },
};

/** GitHub Enterprise: archives are on another host, behind a redirect that carries its own short-lived token. */
export const github: Wire = {
  async archives({ url, owner, name, repository, headers }) {
    const [, sha] = new RegExp(`^/${owner}/${name}/legacy\\.tar\\.gz/([0-9a-f]{40})$`).exec(url.pathname) ?? [];
    // A token of the API is none of this host's.
    if (headers.authorization !== undefined) return { status: 400, body: 'unexpected credentials' };
    if (sha === undefined || url.searchParams.get('token') !== 'SHORTLIVED')
      return { status: 404, body: '404: Not Found' };
    return tarball(await repository.archive(sha, `${owner}-${name}-${sha.slice(0, 7)}`));
  },
  async api(asked) {
    const { url, owner, name, headers, token, archives } = asked;
    const documentation_url = 'https://docs.github.com/rest';
    const sent = headers.authorization;
    if (sent !== undefined && sent !== `Bearer ${token}`)
      return json(401, { message: 'Bad credentials', documentation_url, status: '401' });
    const root = `/api/v3/repos/${owner}/${name}/`;
    if (!url.pathname.startsWith(root) || (token !== null && sent === undefined))
      return json(404, { message: 'Not Found', documentation_url, status: '404' });
    const path = decodeURIComponent(url.pathname.slice(root.length));
    const [, kind, rest] = /^(commits|tarball)\/(.+)$/.exec(path) ?? [];
    const sha = kind === undefined ? null : await commitOf(asked, rest!.replace(/^(heads|tags)\//, 'refs/$1/'));
    if (sha === null)
      return json(422, { message: `No commit found for SHA: ${rest}`, documentation_url, status: '422' });
    if (kind === 'tarball')
      return {
        status: 302,
        headers: { location: `${archives}/${owner}/${name}/legacy.tar.gz/${sha}?token=SHORTLIVED` },
        body: '',
      };
    if (headers.accept === 'application/vnd.github.sha')
      return { status: 200, headers: { 'content-type': 'application/vnd.github.sha; charset=utf-8' }, body: sha };
    return json(200, { sha, commit: { message: 'change' } });
  },
};

/** GitLab: the project is one encoded part of the path; a wrong token is 401, a private project 404. */
export const gitlab: Wire = {
  archives: nothingHere,
  async api(asked) {
    const { url, owner, name, repository, headers, token } = asked;
    const sent = headers['private-token'];
    if (sent !== undefined && sent !== token) return json(401, { message: '401 Unauthorized' });
    const root = `/api/v4/projects/${encodeURIComponent(`${owner}/${name}`)}/repository/`;
    if (!url.pathname.startsWith(root) || (token !== null && sent === undefined))
      return json(404, { message: '404 Project Not Found' });
    const path = url.pathname.slice(root.length);
    if (path === 'archive.tar.gz') {
      const sha = await commitOf(asked, url.searchParams.get('sha') ?? '');
      if (sha === null) return json(404, { message: '404 File Not Found' });
      return tarball(await repository.archive(sha, `${name}-${sha}-${sha}`));
    }
    const rest = /^commits\/([^/]+)$/.exec(path)?.[1];
    const sha = rest === undefined ? null : await commitOf(asked, decodeURIComponent(rest));
    if (sha === null) return json(404, { message: '404 Commit Not Found' });
    return json(200, { id: sha, short_id: sha.slice(0, 8), title: 'change' });
  },
};

function commitOf({ repository }: Asked, ref: string): Promise<string | null> {
  if (ref.startsWith('-')) return Promise.resolve(null);
  return repository.git('rev-parse', '--verify', '--quiet', `${ref}^{commit}`).catch(() => null);
}
