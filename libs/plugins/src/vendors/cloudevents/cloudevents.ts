import { Malformed, type ImagePush, type ParseResult, type RawRequest, type Vendor } from '../../inbound.js';
import { genericEvent } from '../generic-body.js';
import { hostOfUrl, imagePush } from '../image-push.js';
import { collect, ignored, type Ignored } from '../outcome.js';
import { need, object, payload, peek, text, type Obj } from '../read-json.js';
import { header, mediaType } from '../request.js';
import { anySignature, judge } from '../signature.js';

/** CloudEvents 1.0 over HTTP, structured (all in the body) or binary (attributes in `ce-*` headers). */
export const cloudevents: Vendor = {
  name: 'cloudevents',
  title: 'CloudEvents',
  recognizes: (request) =>
    mediaType(request) === 'application/cloudevents+json' ||
    header(request, 'ce-type') !== null ||
    header(request, 'ce-specversion') !== null ||
    text(peek(request), 'specversion') !== null,
  verify: (request, secret, now) => judge(anySignature(request, secret, now)),
  deliveryId,
  parse,
};

interface CloudEvent {
  readonly type: string;
  readonly source: string;
  readonly subject: string | null;
  readonly data: Obj;
}

/** Source and id together are unique. */
function deliveryId(request: RawRequest): string | null {
  const body = peek(request);
  const id = header(request, 'ce-id') ?? text(body, 'id');
  const source = header(request, 'ce-source') ?? text(body, 'source');
  return id === null || source === null ? null : `${source} ${id}`.slice(0, 200);
}

function parse(request: RawRequest): ParseResult {
  const event = header(request, 'ce-type') === null ? structured(request) : binary(request);
  if (event === null) return ignored('the event is no CloudEvents 1.0 event');
  if (event.type === 'com.amazon.ecr.image.push') return collect([ecrPush(event)]);
  if (/(?:^|\.)(?:container|image|artifact)\.(?:push|pushed)$/.test(event.type)) return collect([push(event)]);
  const found = genericEvent(event.data, 'cloudevents');
  return found ?? ignored(`CloudEvents type "${event.type.slice(0, 100)}" deploys nothing`);
}

function structured(request: RawRequest): CloudEvent {
  const body = payload(request);
  need(text(body, 'specversion'), 'specversion');
  return {
    type: need(text(body, 'type'), 'type'),
    source: need(text(body, 'source'), 'source'),
    subject: text(body, 'subject'),
    data: object(body, 'data') ?? {},
  };
}

/** Without the required `ce-` headers it is an older dialect of somebody's. */
function binary(request: RawRequest): CloudEvent | null {
  const data = payload(request);
  const type = header(request, 'ce-type');
  const source = header(request, 'ce-source');
  if (type === null || source === null) return null;
  return { type, source, subject: header(request, 'ce-subject'), data };
}

/** What the data leaves out stands in source and subject: `urn:aws:ecr:<region>:<account>:repository/<name>`, `<name>:<tag>`. */
function ecrPush(event: CloudEvent): ImagePush | Ignored {
  const urn = /^(?:urn|arn):aws[a-z-]*:ecr:([a-z0-9-]+):([0-9]{12}):repository\/(.+)$/.exec(event.source);
  if (urn?.[1] === undefined || urn[2] === undefined) throw new Malformed('source is no ECR repository');
  const suffix = urn[1].startsWith('cn-') ? '.cn' : '';
  return imagePush({
    registry: `${urn[2]}.dkr.ecr.${urn[1]}.amazonaws.com${suffix}`,
    repository: text(event.data, 'repositoryName') ?? urn[3] ?? '',
    tag: text(event.data, 'imageTag') ?? tagOf(event.subject),
    digest: text(event.data, 'imageDigest'),
  });
}

function push(event: CloudEvent): ImagePush | Ignored {
  const data = event.data;
  const subject = event.subject?.split('@', 1)[0]?.replace(/:[^/:]*$/, '') ?? null;
  return imagePush({
    registry: need(text(data, 'registryUrl') ?? text(data, 'registry') ?? hostOfUrl(event.source), 'data.registryUrl'),
    repository: need(text(data, 'repository') ?? subject, 'data.repository'),
    tag: text(data, 'tag') ?? tagOf(event.subject),
    digest: text(data, 'digest'),
  });
}

function tagOf(subject: string | null): string | null {
  return /:([^/:@]+)$/.exec(subject ?? '')?.[1] ?? null;
}
