import type { ParseResult, RawRequest, Vendor } from '../../inbound.js';
import { gitPush } from '../git-push.js';
import { bounded, collect, ignored } from '../outcome.js';
import { flag, list, need, object, payload, text } from '../read-json.js';
import { header, idHeader } from '../request.js';
import { hubSignature, judge } from '../signature.js';

/** bitbucket.org. One delivery may move several refs; files are never listed. */
export const bitbucketCloud: Vendor = {
  name: 'bitbucket-cloud',
  title: 'Bitbucket Cloud',
  recognizes: (request) => header(request, 'x-event-key') !== null,
  verify: (request, secret) => judge(hubSignature(request, secret, 'x-hub-signature')),
  deliveryId: (request) => idHeader(request, 'x-request-uuid'),
  parse,
};

function parse(request: RawRequest): ParseResult {
  const event = header(request, 'x-event-key') ?? '';
  const body = payload(request);
  if (event !== 'repo:push') return ignored(`Bitbucket event "${event.slice(0, 80)}" deploys nothing`);
  const repo = need(text(body, 'repository', 'full_name'), 'repository.full_name');
  const actor = object(body, 'actor');
  const pusher = text(actor, 'username') ?? text(actor, 'nickname') ?? text(actor, 'display_name');
  const changes = need(list(body, 'push', 'changes'), 'push.changes');
  return collect(bounded(changes).map((change) => push(change, { repo, pusher })));
}

/** Names are bare: the type says whether it is a branch or a tag. `new` null is a deletion. */
function push(change: unknown, from: { repo: string; pusher: string | null }) {
  const now = object(change, 'new');
  const old = object(change, 'old');
  const moved = need(now ?? old, 'push.changes[].new');
  const type = need(text(moved, 'type'), 'push.changes[].new.type');
  const name = need(text(moved, 'name'), 'push.changes[].new.name');
  return gitPush({
    vendor: 'bitbucket-cloud',
    ...from,
    ref: `refs/${type.includes('tag') ? 'tags' : 'heads'}/${name}`,
    after: now === null ? null : need(text(now, 'target', 'hash'), 'push.changes[].new.target.hash'),
    before: text(old, 'target', 'hash'),
    created: flag(change, 'created'),
    forced: flag(change, 'forced'),
    paths: null,
    message: text(now, 'target', 'message'),
  });
}
