import { describe, expect, it } from 'vitest';
import { Malformed, type InboundEvent, type ParseResult } from '#plugins/inbound';
import { identify, interpret, isAuthentic } from '#plugins/vendors/dispatch';
import { readDeliveries, type Delivery, type Expected } from './deliveries.js';

const folder = process.env['WEBHOOK_CORPUS'];

if (folder === undefined) {
  it.skip('the webhook corpus is not in this repository: set WEBHOOK_CORPUS to its folder', () => {});
} else {
  const deliveries = readDeliveries(folder);
  describe('a delivery is read as its sender meant it', () => {
    it.each(deliveries.map((delivery) => [delivery.file, delivery] as const))('%s', (_, delivery) => {
      const found = outcome(delivery);
      if (!delivery.scored) return expect(KINDS).toContain(found.kind);
      const { expected } = delivery;
      expect(expected.acceptable ?? [expected.kind], found.reason).toContain(found.kind);
      if (found.kind === expected.kind) compare(found.events, expected);
    });
  });

  describe('a signature in the corpus is checked', () => {
    const signed = deliveries.filter((delivery) => secretOf(delivery) !== null);
    it.each(signed.map((delivery) => [delivery.file, delivery] as const))('%s', (_, delivery) => {
      const { request } = delivery;
      const vendor = identify(request, null);
      const now = clockOf(delivery);
      expect(isAuthentic(request, vendor, { secret: secretOf(delivery), now })).toBe(true);
      expect(isAuthentic(request, vendor, { secret: 'another-secret', now })).toBe(false);
    });

    it('covers most of the corpus', () => {
      expect(signed.length).toBeGreaterThan(deliveries.length / 2);
    });
  });
}

const KINDS = ['image_push', 'git_push', 'git_tag', 'manual', 'ping', 'ignored', 'delete', 'error'];

interface Outcome {
  readonly kind: string;
  readonly events: readonly InboundEvent[];
  readonly reason?: string;
}

function outcome(delivery: Delivery): Outcome {
  const { request } = delivery;
  const vendor = identify(request, null);
  // The one whose signature is meant to be wrong.
  if (request.headers['webhook-signature'] !== undefined) {
    const check = { secret: STANDARD_SECRET, now: clockOf(delivery) };
    if (!isAuthentic(request, vendor, check)) return { kind: 'error', events: [], reason: 'signature' };
  }
  try {
    return named(interpret(request, vendor));
  } catch (error) {
    if (!(error instanceof Malformed) || error.cause !== undefined) throw error;
    return { kind: 'error', events: [], reason: error.message };
  }
}

/** In the corpus' words. A deletion is one of the things that we ignore. */
function named(result: ParseResult): Outcome {
  if (result.kind === 'ping') return { kind: 'ping', events: [] };
  if (result.kind === 'ignored') {
    return { kind: result.reason.endsWith('was deleted') ? 'delete' : 'ignored', events: [], reason: result.reason };
  }
  const events = result.events.map(({ event }) => event);
  const [first] = events;
  if (first?.kind === 'git-push') return { kind: first.refType === 'tag' ? 'git_tag' : 'git_push', events };
  return { kind: first?.kind === 'image-push' ? 'image_push' : 'manual', events };
}

function compare(events: readonly InboundEvent[], expected: Expected): void {
  const tagged = events.filter((event) => event.kind !== 'image-push' || event.tag !== null);
  const wanted = expected.events ?? (expected.kind.match(/push|tag/) ? [expected] : []);
  const kept = expected.taggedOnly === true ? tagged : events;
  if (wanted.length > 0) expect(kept).toMatchObject(wanted.map(fields));
}

/** Our event for an expectation: names in lower case, an id of zeros is null, mail addresses were scrubbed. */
function fields(expected: Expected): object {
  if (expected.kind === 'image_push') {
    const { registry, tag, digest } = expected;
    const name = { registry, repository: expected.repository?.toLowerCase(), tag };
    return expected.scoreDigest === false ? name : { ...name, digest };
  }
  const listed = [
    'repo',
    'ref',
    'refType',
    'branch',
    'tag',
    'sha',
    'objectSha',
    'created',
    'paths',
    'pathsComplete',
  ] as const;
  const entries = Object.entries(expected).filter(([key]) => (listed as readonly string[]).includes(key));
  const before =
    expected.before === undefined ? {} : { before: /^0*$/.test(expected.before ?? '') ? null : expected.before };
  return { ...Object.fromEntries(entries), ...before, ...(expected.pusher ? { pusher: expected.pusher } : {}) };
}

const STANDARD_SECRET = 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw';

function secretOf({ request, vendor, file }: Delivery): string | null {
  const { headers } = request;
  if (file.includes('bad-signature')) return null;
  if (headers['webhook-signature'] !== undefined) return STANDARD_SECRET;
  if (['distribution', 'gcr-pubsub'].includes(vendor)) return null;
  return Object.keys(headers).some((name) => /signature|token|auth|api-key|secret/.test(name)) ? 'corpus-secret' : null;
}

function clockOf({ request }: Delivery): Date {
  const seconds = request.headers['webhook-timestamp'];
  const milliseconds = request.headers['x-gitee-timestamp'];
  return new Date(seconds === undefined ? Number(milliseconds ?? 0) : Number(seconds) * 1_000);
}
