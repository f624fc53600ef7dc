import type { ParseResult, RawRequest, Vendor } from '../../inbound.js';
import { changedPaths, gitPush, isZero, messageOf } from '../git-push.js';
import { collect, ignored } from '../outcome.js';
import { list, need, number, payload, text, type Obj } from '../read-json.js';
import { header, idHeader } from '../request.js';
import { judge, sameSecret, standardWebhooks } from '../signature.js';

/** Project and group hooks. Pushes to GitLab's container registry come from the `distribution` vendor. */
export const gitlab: Vendor = {
  name: 'gitlab',
  title: 'GitLab',
  recognizes: (request) => header(request, 'x-gitlab-event') !== null,
  verify: (request, secret, now) =>
    judge(standardWebhooks(request, secret, now) || sameSecret(header(request, 'x-gitlab-token'), secret)),
  deliveryId: (request) => idHeader(request, 'idempotency-key', 'webhook-id'),
  parse,
};

/** A push lists this many commits at most. */
const COMMIT_CAP = 20;

function parse(request: RawRequest): ParseResult {
  const event = header(request, 'x-gitlab-event') ?? '';
  const body = payload(request);
  if (event === 'Push Hook' || event === 'Tag Push Hook') return collect([push(body)]);
  return ignored(`GitLab event "${event.slice(0, 80)}" deploys nothing`);
}

function push(body: Obj) {
  const after = need(text(body, 'after'), 'after');
  // Of an annotated tag `after` is the tag object; `checkout_sha` is always the commit.
  const commit = text(body, 'checkout_sha');
  const commits = list(body, 'commits');
  return gitPush({
    vendor: 'gitlab',
    repo: need(text(body, 'project', 'path_with_namespace'), 'project.path_with_namespace'),
    ref: need(text(body, 'ref'), 'ref'),
    defaultBranch: text(body, 'project', 'default_branch'),
    after,
    commit: isZero(after) ? null : commit,
    before: text(body, 'before'),
    paths: changedPaths(commits, { cap: COMMIT_CAP, total: number(body, 'total_commits_count') }),
    pusher: text(body, 'user_username') ?? text(body, 'user_name'),
    message: messageOf(commits, commit ?? after),
  });
}
