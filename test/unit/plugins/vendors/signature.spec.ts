import { createHmac } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import type { RawRequest } from '#plugins/inbound';
import { identify, isAuthentic } from '#plugins/vendors/dispatch';
import { VENDORS } from '#plugins/vendors/vendors';
import { FIXTURES, fixture, request, requestOf } from './fixture.js';

const secret = 'tin-lighthouse-7';
const whsec = `whsec_${Buffer.from('a key of twenty-four bytes').toString('base64')}`;
const now = new Date('2026-05-04T03:02:01Z');
const seconds = Math.floor(now.getTime() / 1_000);

const hex = (body: Uint8Array | string, key = secret, algorithm = 'sha256') =>
  createHmac(algorithm, key).update(body).digest('hex');

function signStandard(body: Uint8Array, at: number, key = Buffer.from(whsec.slice(6), 'base64')) {
  const signature = createHmac('sha256', key).update(`msg_7.${at}.`).update(body).digest('base64');
  return {
    'webhook-id': 'msg_7',
    'webhook-timestamp': String(at),
    'webhook-signature': `v1,AAAA v1a,x v1,${signature}`,
  };
}

/** How each vendor proves itself: the headers for a body. */
const SCHEMES: Readonly<Record<string, (body: Uint8Array) => Record<string, string>>> = {
  github: (body) => ({ 'x-hub-signature-256': `sha256=${hex(body)}` }),
  gitea: (body) => ({ 'x-gitea-signature': hex(body) }),
  forgejo: (body) => ({ 'x-forgejo-signature': hex(body) }),
  gogs: (body) => ({ 'x-gogs-signature': hex(body) }),
  gitlab: () => ({ 'x-gitlab-token': secret }),
  gitee: () => {
    const token = createHmac('sha256', secret).update(`${now.getTime()}\n${secret}`).digest('base64');
    return { 'x-gitee-timestamp': String(now.getTime()), 'x-gitee-token': token };
  },
  'bitbucket-cloud': (body) => ({ 'x-hub-signature': `sha256=${hex(body)}` }),
  'bitbucket-server': (body) => ({ 'x-hub-signature': `sha256=${hex(body)}` }),
  harness: (body) => ({ 'x-harness-signature': hex(body) }),
  nexus: (body) => ({ 'x-nexus-webhook-signature': hex(body, secret, 'sha1') }),
  jfrog: (body) => ({ 'x-jfrog-event-auth': hex(body) }),
  distribution: () => ({ authorization: `Bearer ${secret}` }),
  harbor: () => ({ authorization: secret }),
  acr: () => ({ authorization: secret }),
  'azure-devops': () => ({ authorization: `Basic ${Buffer.from(`hook:${secret}`).toString('base64')}` }),
  'ecr-eventbridge': () => ({ 'x-api-key': secret }),
  cloudevents: () => ({ 'x-webhook-secret': secret }),
  'standard-webhooks': (body) => signStandard(body, seconds, Buffer.from(secret)),
  generic: (body) => ({ 'x-hub-signature-256': `sha256=${hex(body)}` }),
};
/** The proof covers the body, so that another body needs another one. */
const OVER_BODY = ['github', 'gitea', 'forgejo', 'gogs', 'bitbucket-cloud', 'bitbucket-server', 'harness', 'nexus'];
const CANNOT_SIGN = ['dockerhub', 'aliyun-acr', 'quay', 'gcr-pubsub'];

describe.each(Object.entries(SCHEMES))('%s', (name, sign) => {
  const first = FIXTURES.find((one) => one.vendor === name);
  if (first === undefined) throw new Error(`no fixture of ${name}`);
  const { body, headers } = requestOf(first);
  const signed = request(body, { ...headers, ...sign(body) });

  it('is let in with its proof', () => {
    expect(authentic(signed, secret)).toBe(true);
  });

  it('is kept out with another secret, an empty one, or without proof', () => {
    expect(authentic(signed, 'tin-lighthouse-8')).toBe(false);
    expect(authentic(signed, '')).toBe(false);
    const unsigned = requestOf({ ...first, headers: without(first.headers, 'x-jfrog-event-auth') });
    expect(authentic(unsigned, secret)).toBe(false);
  });

  if (OVER_BODY.includes(name)) {
    it('is kept out with a changed byte', () => {
      const changed = Buffer.from(body);
      changed[changed.length - 2] = (changed[changed.length - 2] ?? 0) ^ 1;
      expect(authentic({ ...signed, body: changed }, secret)).toBe(false);
    });
  }
});

it('every vendor but those without any mechanism is covered above', () => {
  const known = [...Object.keys(SCHEMES), ...CANNOT_SIGN, 'manual'].sort();
  expect(VENDORS.map((vendor) => vendor.name).sort()).toEqual(known);
});

it.each(CANNOT_SIGN)('%s cannot sign, so it is refused where a secret is set', (name) => {
  const sent = requestOf(FIXTURES.find((one) => one.vendor === name)!);
  expect(identify(sent, null)?.verify(sent, secret, now)).toBe('cannot-sign');
  expect(authentic(sent, secret)).toBe(false);
  expect(authentic(sent, null)).toBe(true);
});

describe('forms', () => {
  const json = JSON.stringify(fixture('gitea/push').body);
  const form = `payload=${encodeURIComponent(json)}`;
  const type = { 'content-type': 'application/x-www-form-urlencoded' };

  it('are signed by GitHub as they are sent', () => {
    const good = { ...type, 'x-github-event': 'ping', 'x-hub-signature-256': `sha256=${hex(form)}` };
    expect(authentic(request(form, good), secret)).toBe(true);
    const bad = { ...good, 'x-hub-signature-256': `sha256=${hex(json)}` };
    expect(authentic(request(form, bad), secret)).toBe(false);
  });

  it('are signed by Gitea by the JSON in them', () => {
    expect(authentic(request(form, { ...type, 'x-gitea-event': 'push', 'x-gitea-signature': hex(json) }), secret)).toBe(
      true,
    );
    expect(authentic(request(form, { ...type, 'x-gitea-event': 'push', 'x-gitea-signature': hex(form) }), secret)).toBe(
      false,
    );
  });
});

describe('weak proofs', () => {
  const { body, headers } = requestOf(fixture('github/push-branch'));

  it('SHA-1 of GitHub does not count', () => {
    const sha1 = { ...headers, 'x-hub-signature': `sha1=${hex(body, secret, 'sha1')}` };
    expect(authentic(request(body, sha1), secret)).toBe(false);
  });

  it('a signature made with an empty secret does not count', () => {
    const empty = { ...headers, 'x-hub-signature-256': `sha256=${hex(body, '')}` };
    expect(authentic(request(body, empty), '')).toBe(false);
    expect(authentic(request(body, empty), secret)).toBe(false);
  });
});

describe('Standard Webhooks', () => {
  const { body } = requestOf(fixture('generic/image-port-tag'));
  const gitlab = { 'x-gitlab-event': 'Push Hook' };

  it.each([
    ['now', 0, true],
    ['300 s ago', -300, true],
    ['300 s ahead', 300, true],
    ['301 s ago', -301, false],
    ['301 s ahead', 301, false],
  ])('counts a timestamp of %s', (_, offset, expected) => {
    expect(authentic(request(body, signStandard(body, seconds + offset)), whsec)).toBe(expected);
  });

  it('is what a GitLab signing token makes', () => {
    expect(authentic(request(body, { ...gitlab, ...signStandard(body, seconds) }), whsec)).toBe(true);
    expect(authentic(request(body, { ...gitlab, 'x-gitlab-token': secret, ...signStandard(body, 1) }), whsec)).toBe(
      false,
    );
  });

  it('lets an empty body in where a secret is set, and nothing less does', () => {
    const empty = Buffer.alloc(0);
    expect(authentic(request(empty, signStandard(empty, seconds)), whsec)).toBe(true);
    expect(authentic(request(empty, { 'x-hub-signature-256': `sha256=${hex(empty)}` }), secret)).toBe(true);
    expect(authentic(request(empty, { authorization: `Bearer ${secret}` }), secret)).toBe(false);
    expect(authentic(request(empty), secret)).toBe(false);
    expect(authentic(request(empty), null)).toBe(true);
  });
});

function authentic(sent: RawRequest, with_: string | null): boolean {
  return isAuthentic(sent, identify(sent, null), { secret: with_, now });
}

function without(headers: Readonly<Record<string, string>>, name: string): Record<string, string> {
  return Object.fromEntries(Object.entries(headers).filter(([key]) => key !== name));
}
