import type { ParseResult, RawRequest, Vendor } from '../../inbound.js';
import { changedPaths, gitPush, objectId } from '../git-push.js';
import { collect, ignored } from '../outcome.js';
import { flag, list, need, object, payload, text, type Obj } from '../read-json.js';
import { header, idHeader } from '../request.js';
import { hubSignature, judge } from '../signature.js';
import { packagePush } from './package-push.js';

/** Repository, organisation and App hooks, GitHub Packages included. */
export const github: Vendor = {
  name: 'github',
  title: 'GitHub',
  recognizes: (request) => header(request, 'x-github-event') !== null,
  verify: (request, secret) => judge(hubSignature(request, secret)),
  deliveryId: (request) => idHeader(request, 'x-github-delivery'),
  parse,
};

/** A push lists this many commits at most. */
const COMMIT_CAP = 2_048;

function parse(request: RawRequest): ParseResult {
  const event = header(request, 'x-github-event') ?? '';
  const body = payload(request);
  if (event === 'ping') return { kind: 'ping' };
  if (event === 'push') return collect([push(body)]);
  if (event === 'package' || event === 'registry_package') {
    return collect([packagePush(need(object(body, event) ?? object(body, 'package'), event), text(body, 'action'))]);
  }
  return ignored(`GitHub event "${event.slice(0, 80)}" deploys nothing`);
}

function push(body: Obj) {
  const after = objectId(need(text(body, 'after'), 'after'));
  const commit = text(body, 'head_commit', 'id');
  return gitPush({
    vendor: 'github',
    repo: need(text(body, 'repository', 'full_name'), 'repository.full_name'),
    ref: need(text(body, 'ref'), 'ref'),
    defaultBranch: text(body, 'repository', 'default_branch'),
    after: flag(body, 'deleted') ? null : after,
    commit,
    before: text(body, 'before'),
    created: flag(body, 'created'),
    forced: flag(body, 'forced'),
    paths: changedPaths(list(body, 'commits'), { cap: COMMIT_CAP }),
    pusher: text(body, 'pusher', 'name') ?? text(body, 'sender', 'login'),
    message: text(body, 'head_commit', 'message'),
  });
}
