import { Malformed, type ParseResult, type RawRequest, type Vendor } from '../inbound.js';
import { changedPaths, gitPush, messageOf } from './git-push.js';
import { hostOfUrl, imagePush } from './image-push.js';
import { collect, ignored } from './outcome.js';
import { list, need, number, object, payload, payloadText, text, type Obj } from './read-json.js';
import { header, idHeader, mediaType } from './request.js';
import { hexHmac, judge } from './signature.js';

/** What Gitea, Forgejo and Gogs share; each sends its own `X-<Prefix>-*` headers beside those of its ancestors. */
export interface GiteaKind {
  readonly name: string;
  readonly title: string;
  /** Of the header names, lower case: `x-gitea`. */
  readonly prefix: string;
  /** Commits that a push lists at most, unless the server was told otherwise. */
  readonly commitCap: number;
}

export function giteaVendor(kind: GiteaKind): Vendor {
  return {
    name: kind.name,
    title: kind.title,
    recognizes: (request) => header(request, `${kind.prefix}-event`) !== null,
    verify: (request, secret) => judge(signed(request, kind, secret)),
    deliveryId: (request) => idHeader(request, `${kind.prefix}-delivery`),
    parse: (request) => parse(request, kind),
  };
}

/** Over the JSON text, in a form too: the hash is made before the text is put into the form. */
function signed(request: RawRequest, kind: GiteaKind, secret: string): boolean {
  try {
    const bytes = mediaType(request) === 'application/x-www-form-urlencoded' ? payloadText(request) : request.body;
    return hexHmac(header(request, `${kind.prefix}-signature`), { secret, bytes });
  } catch (error) {
    if (error instanceof Malformed) return false;
    throw error;
  }
}

function parse(request: RawRequest, kind: GiteaKind): ParseResult {
  const event = header(request, `${kind.prefix}-event`) ?? '';
  const body = payload(request);
  if (event === 'push') return collect([push(body, kind)]);
  if (event === 'package') return collect([packagePush(body)]);
  if (event === 'ping') return { kind: 'ping' };
  // A created tag or branch sends a push as well: acting on both would deploy twice.
  return ignored(`${kind.title} event "${event.slice(0, 80)}" deploys nothing`);
}

function push(body: Obj, kind: GiteaKind) {
  const after = need(text(body, 'after'), 'after');
  const commits = list(body, 'commits');
  const commit = text(body, 'head_commit', 'id');
  return gitPush({
    vendor: kind.name,
    repo: need(text(body, 'repository', 'full_name'), 'repository.full_name'),
    ref: need(text(body, 'ref'), 'ref'),
    defaultBranch: text(body, 'repository', 'default_branch'),
    after,
    commit,
    before: text(body, 'before'),
    paths: changedPaths(commits, { cap: kind.commitCap, total: number(body, 'total_commits') }),
    pusher: text(body, 'pusher', 'login') ?? text(body, 'pusher', 'username') ?? text(body, 'sender', 'login'),
    message: messageOf(commits, commit ?? after) ?? text(body, 'head_commit', 'message'),
  });
}

function packagePush(body: Obj) {
  const action = need(text(body, 'action'), 'action');
  const pushed = need(object(body, 'package'), 'package');
  const type = need(text(pushed, 'type'), 'package.type');
  if (type !== 'container') return ignored(`a package of type ${type.slice(0, 40)} is no image`);
  if (action !== 'created') return ignored(`package ${action.slice(0, 40)} deploys nothing`);
  const owner = need(text(pushed, 'owner', 'login') ?? text(pushed, 'owner', 'username'), 'package.owner.login');
  return imagePush({
    registry: need(hostOfUrl(text(pushed, 'html_url')), 'package.html_url'),
    repository: `${owner}/${need(text(pushed, 'name'), 'package.name')}`,
    tag: need(text(pushed, 'version'), 'package.version'),
    digest: null,
  });
}
