import type { ParseResult, RawRequest, Vendor } from '../../inbound.js';
import { gitPush } from '../git-push.js';
import { collect, ignored } from '../outcome.js';
import { flag, need, payload, text, type Obj } from '../read-json.js';
import { header } from '../request.js';
import { hexHmac, judge } from '../signature.js';

/** Harness Code, formerly Gitness. */
export const harness: Vendor = {
  name: 'harness',
  title: 'Harness Code',
  recognizes: (request) => header(request, 'x-harness-trigger') !== null,
  verify: (request, secret) => judge(hexHmac(header(request, 'x-harness-signature'), { secret, bytes: request.body })),
  deliveryId: () => null,
  parse,
};

function parse(request: RawRequest): ParseResult {
  const event = header(request, 'x-harness-trigger') ?? '';
  const body = payload(request);
  if (/^(?:branch|tag)_(?:created|updated|deleted)$/.test(event)) return collect([push(body)]);
  return ignored(`Harness event "${event.slice(0, 80)}" deploys nothing`);
}

function push(body: Obj) {
  return gitPush({
    vendor: 'harness',
    repo: need(text(body, 'repo', 'path'), 'repo.path'),
    ref: need(text(body, 'ref', 'name'), 'ref.name'),
    after: need(text(body, 'sha'), 'sha'),
    commit: text(body, 'head_commit', 'sha') ?? text(body, 'commit', 'sha'),
    before: text(body, 'old_sha'),
    forced: flag(body, 'forced'),
    paths: null,
    pusher: text(body, 'principal', 'uid'),
    message: text(body, 'head_commit', 'message'),
  });
}
