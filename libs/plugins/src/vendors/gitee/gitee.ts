import { createHmac } from 'node:crypto';
import type { ParseResult, RawRequest, Vendor } from '../../inbound.js';
import { changedPaths, gitPush } from '../git-push.js';
import { collect, ignored } from '../outcome.js';
import { flag, list, need, number, payload, text, type Obj } from '../read-json.js';
import { header } from '../request.js';
import { isRecent, judge, sameSecret } from '../signature.js';

export const gitee: Vendor = {
  name: 'gitee',
  title: 'Gitee',
  recognizes: (request) => header(request, 'x-gitee-event') !== null,
  verify: (request, secret, now) => judge(signed(request, secret, now)),
  deliveryId: () => null,
  parse,
};

/** A push lists this many commits at most. */
const COMMIT_CAP = 10;

/** Either the password in clear, or base64 of HMAC(timestamp, newline, secret): the body is not covered. */
function signed(request: RawRequest, secret: string, now: Date): boolean {
  const token = header(request, 'x-gitee-token');
  if (sameSecret(token, secret)) return true;
  const timestamp = header(request, 'x-gitee-timestamp') ?? '';
  if (secret === '' || !/^[0-9]{1,16}$/.test(timestamp) || !isRecent(Number(timestamp), now)) return false;
  return sameSecret(token, createHmac('sha256', secret).update(`${timestamp}\n${secret}`).digest('base64'));
}

function parse(request: RawRequest): ParseResult {
  const event = header(request, 'x-gitee-event') ?? '';
  const body = payload(request);
  if (header(request, 'x-gitee-ping') === 'true') return { kind: 'ping' };
  if (event === 'Push Hook' || event === 'Tag Push Hook') return collect([push(body)]);
  return ignored(`Gitee event "${event.slice(0, 80)}" deploys nothing`);
}

function push(body: Obj) {
  const isCut = flag(body, 'commits_more_than_ten');
  const total = number(body, 'total_commits_count');
  return gitPush({
    vendor: 'gitee',
    repo: need(
      text(body, 'project', 'path_with_namespace') ?? text(body, 'repository', 'full_name'),
      'project.path_with_namespace',
    ),
    ref: need(text(body, 'ref'), 'ref'),
    after: flag(body, 'deleted') ? null : need(text(body, 'after'), 'after'),
    commit: text(body, 'head_commit', 'id'),
    before: text(body, 'before'),
    created: flag(body, 'created'),
    paths: isCut ? null : changedPaths(list(body, 'commits'), { cap: COMMIT_CAP, total }),
    pusher: text(body, 'pusher', 'username') ?? text(body, 'pusher', 'user_name') ?? text(body, 'user_name'),
    message: text(body, 'head_commit', 'message'),
  });
}
