import type { ParseResult, RawRequest, Vendor } from '../../inbound.js';
import { gitPush } from '../git-push.js';
import { bounded, collect, ignored } from '../outcome.js';
import { at, list, need, object, payload, peek, text, type Obj } from '../read-json.js';
import { header } from '../request.js';
import { headerSecret, judge } from '../signature.js';

/** Service hooks of Azure Repos: no event header, no signature; a password or header is what they can send. */
export const azureDevops: Vendor = {
  name: 'azure-devops',
  title: 'Azure DevOps',
  recognizes: (request) => (header(request, 'user-agent') ?? '').startsWith('VSServices/') || isEnvelope(peek(request)),
  verify: (request, secret) => judge(headerSecret(request, secret)),
  deliveryId: (request) => text(peek(request), 'id')?.slice(0, 200) ?? null,
  parse,
};

function isEnvelope(body: Obj | null): boolean {
  return text(body, 'eventType') !== null && text(body, 'publisherId') !== null && object(body, 'resource') !== null;
}

function parse(request: RawRequest): ParseResult {
  const body = payload(request);
  const event = need(text(body, 'eventType'), 'eventType');
  if (event !== 'git.push') return ignored(`Azure DevOps event "${event.slice(0, 80)}" deploys nothing`);
  const resource = need(object(body, 'resource'), 'resource');
  const project = need(text(resource, 'repository', 'project', 'name'), 'resource.repository.project.name');
  const repository = need(text(resource, 'repository', 'name'), 'resource.repository.name');
  const updates = need(list(resource, 'refUpdates'), 'resource.refUpdates');
  return collect(bounded(updates).map((update) => push(update, resource, `${project}/${repository}`)));
}

function push(update: unknown, resource: Obj, repo: string) {
  const after = need(text(update, 'newObjectId'), 'resource.refUpdates[].newObjectId');
  const head = list(resource, 'commits')?.find((commit) => at(commit, 'commitId') === after);
  return gitPush({
    vendor: 'azure-devops',
    repo,
    ref: need(text(update, 'name'), 'resource.refUpdates[].name'),
    after,
    before: text(update, 'oldObjectId'),
    paths: null,
    pusher: text(resource, 'pushedBy', 'uniqueName') ?? text(resource, 'pushedBy', 'displayName'),
    message: text(head, 'comment'),
  });
}
