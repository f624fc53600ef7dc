import { Malformed, type ParseResult, type RawRequest, type Vendor } from '../../inbound.js';
import { imagePush } from '../image-push.js';
import { collect, ignored } from '../outcome.js';
import { need, object, payload, peek, text, type Obj } from '../read-json.js';
import { headerSecret, judge } from '../signature.js';

/** Amazon ECR through an EventBridge rule and API destination. */
export const ecrEventbridge: Vendor = {
  name: 'ecr-eventbridge',
  title: 'Amazon ECR (EventBridge)',
  recognizes: (request) => isEnvelope(peek(request)),
  verify: (request, secret) => judge(headerSecret(request, secret)),
  deliveryId: (request) => text(peek(request), 'id')?.slice(0, 200) ?? null,
  parse,
};

/** Host of a private ECR registry. Throws {@link Malformed}. */
function ecrHost(account: string, region: string): string {
  if (!/^[0-9]{12}$/.test(account) || !/^[a-z0-9-]{1,40}$/.test(region)) {
    throw new Malformed('the account or the region of the registry is not one');
  }
  return `${account}.dkr.ecr.${region}.amazonaws.com${region.startsWith('cn-') ? '.cn' : ''}`;
}

function isEnvelope(body: Obj | null): boolean {
  const type = text(body, 'detail-type');
  return type !== null && (text(body, 'source') === 'aws.ecr' || type.startsWith('ECR '));
}

function parse(request: RawRequest): ParseResult {
  const body = payload(request);
  const type = need(text(body, 'detail-type'), 'detail-type');
  if (type !== 'ECR Image Action') return ignored(`EventBridge event "${type.slice(0, 80)}" deploys nothing`);
  const detail = need(object(body, 'detail'), 'detail');
  const action = need(text(detail, 'action-type'), 'detail.action-type');
  if (action !== 'PUSH') return ignored(`ECR action "${action.slice(0, 40)}" deploys nothing`);
  if (text(detail, 'result') === 'FAILURE') return ignored('the push failed');
  return collect([push(body, detail)]);
}

function push(body: Obj, detail: Obj) {
  return imagePush({
    registry: ecrHost(need(text(body, 'account'), 'account'), need(text(body, 'region'), 'region')),
    repository: need(text(detail, 'repository-name'), 'detail.repository-name'),
    tag: text(detail, 'image-tag'),
    digest: text(detail, 'image-digest'),
  });
}
