import type { ParseResult, RawRequest, Vendor } from '../../inbound.js';
import { gitPush } from '../git-push.js';
import { bounded, collect, ignored } from '../outcome.js';
import { list, need, payload, text } from '../read-json.js';
import { header, idHeader } from '../request.js';
import { hubSignature, judge } from '../signature.js';

/** Bitbucket Data Center and Server. Never lists files. */
export const bitbucketServer: Vendor = {
  name: 'bitbucket-server',
  title: 'Bitbucket Data Center',
  recognizes: (request) => SERVER_ONLY.test(header(request, 'x-event-key') ?? ''),
  verify: (request, secret) => judge(hubSignature(request, secret, 'x-hub-signature')),
  deliveryId: (request) => idHeader(request, 'x-request-id'),
  parse,
};

const SERVER_ONLY = /^(?:repo:(?:refs_changed|modified|comment:|secret_detected)|diagnostics:|pr:|mirror:|project:)/;

function parse(request: RawRequest): ParseResult {
  const event = header(request, 'x-event-key') ?? '';
  const body = payload(request);
  if (event === 'diagnostics:ping') return { kind: 'ping' };
  if (event !== 'repo:refs_changed') return ignored(`Bitbucket event "${event.slice(0, 80)}" deploys nothing`);
  const key = need(text(body, 'repository', 'project', 'key'), 'repository.project.key');
  const slug = need(text(body, 'repository', 'slug'), 'repository.slug');
  const pusher = text(body, 'actor', 'name') ?? text(body, 'actor', 'slug');
  const changes = need(list(body, 'changes'), 'changes');
  return collect(bounded(changes).map((change) => push(change, { repo: `${key}/${slug}`, pusher })));
}

function push(change: unknown, from: { repo: string; pusher: string | null }) {
  const isGone = text(change, 'type') === 'DELETE';
  return gitPush({
    vendor: 'bitbucket-server',
    ...from,
    ref: need(text(change, 'ref', 'id') ?? text(change, 'refId'), 'changes[].ref.id'),
    after: isGone ? null : need(text(change, 'toHash'), 'changes[].toHash'),
    commit: text(change, 'toCommit', 'id'),
    before: text(change, 'fromHash'),
    paths: null,
    message: text(change, 'toCommit', 'message'),
  });
}
