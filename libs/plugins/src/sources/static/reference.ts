import { isSecretRef } from '../../secret.js';
import { hostOf, providerOf } from '../../git-providers/git-providers.js';
import { resolveCommit, SHA, type GitSubject } from '../../git-providers/git-client.js';
import type { CommitWish } from '../../git-providers/git-provider.js';
import type { Wish } from '../../inbound.js';
import type { Artifact, GitRef, Ref, ResolveIo, Skip } from '../../source.js';
import type { OwnSubject } from '../../trigger.js';
import type { StaticConfig } from './config.dto.js';

export const KIND = 'static';

export function own(config: StaticConfig): OwnSubject {
  return { image: null, repo: repositoryOf(config) };
}

/** `owner/name`. */
export function repositoryOf({ repoOwner, repoName }: StaticConfig): string {
  return `${repoOwner}/${repoName}`;
}

/** An event about another repository or branch is not for this site; a person may ask for any branch. */
export function reference({ image, git }: Wish, config: StaticConfig): Ref | Skip {
  if (image !== undefined) return { skip: 'not-an-image', reason: 'A site is made from a commit, not from an image.' };
  const repository = repositoryOf(config);
  if (git?.repo !== undefined && git.repo.toLowerCase() !== repository.toLowerCase())
    return {
      skip: 'other-repository',
      reason: `The event is about ${git.repo}, this site is made from ${repository}.`,
    };
  if (git?.repo !== undefined && git.branch !== undefined && git.branch !== config.branch)
    return {
      skip: 'other-branch',
      reason: `The event is about branch ${git.branch}, this site follows ${config.branch}.`,
    };
  if (git?.sha !== undefined && !SHA.test(git.sha))
    return { skip: 'invalid-sha', reason: 'The commit is not 40 or 64 hexadecimal digits.' };
  return refOf(repository, gitRef(git, config), config);
}

function gitRef(wish: Wish['git'], { provider, baseUrl, branch, accessToken }: StaticConfig): GitRef {
  const server = {
    provider,
    baseUrl: serverOf(provider, baseUrl),
    token: isSecretRef(accessToken) ? accessToken : null,
  };
  if (wish?.sha !== undefined) return { ...server, sha: wish.sha, branch: null, tag: null };
  if (wish?.tag !== undefined) return { ...server, sha: null, branch: null, tag: wish.tag };
  return { ...server, sha: null, branch: wish?.branch ?? branch, tag: null };
}

function serverOf(provider: string, baseUrl: string | null): string {
  return (baseUrl ?? providerOf(provider).defaultBaseUrl ?? '').replace(/\/+$/, '');
}

function refOf(repository: string, git: GitRef, config: StaticConfig): Ref {
  const host = hostOf(git.provider, git.baseUrl);
  const key = JSON.stringify([KIND, git.provider, git.baseUrl, repository, git.sha, git.branch, git.tag, git.token]);
  const none = { tag: null, digest: null, registryName: null };
  return { kind: KIND, key, host: webHost(config, host), repository, ...none, remote: true, git };
}

/** As people know it: of the pages, not of the API. */
function webHost({ provider, baseUrl }: StaticConfig, otherwise: string): string {
  return URL.parse(serverOf(provider, baseUrl))?.host ?? otherwise;
}

/** The commit that is meant, which the provider has. */
export async function resolve({ kind, host, repository, git }: Ref, io: ResolveIo): Promise<Artifact> {
  const { provider, baseUrl, token } = git!;
  const subject: GitSubject = { provider, baseUrl, repository, token: token && (await io.secret(token)) };
  const sha = await resolveCommit(io, subject, wishOf(git!));
  return { kind, repository: `${host}/${repository}`, tag: null, digest: null, sha };
}

function wishOf({ sha, branch, tag }: GitRef): CommitWish {
  if (sha !== null) return { sha };
  return tag === null ? { branch: branch! } : { tag };
}

/** Where the files of a release are fetched from. */
export async function subjectOf(config: StaticConfig, io: Pick<ResolveIo, 'secret'>): Promise<GitSubject> {
  const { provider, baseUrl, accessToken } = config;
  const token = isSecretRef(accessToken) ? await io.secret(accessToken) : null;
  return { provider, baseUrl: serverOf(provider, baseUrl), repository: repositoryOf(config), token };
}
