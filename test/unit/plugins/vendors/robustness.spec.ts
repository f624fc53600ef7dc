import fc from 'fast-check';
import { describe, it } from 'vitest';
import { Malformed, type RawRequest } from '#plugins/inbound';
import { VENDORS } from '#plugins/vendors/vendors';
import { FIXTURES, request } from './fixture.js';

const headerNames = [...new Set(FIXTURES.flatMap((one) => Object.keys(one.headers)))];
const signatureNames = [
  'x-hub-signature-256',
  'x-hub-signature',
  'x-gitea-signature',
  'x-gitee-token',
  'authorization',
];
const headerValues = [...new Set(FIXTURES.flatMap((one) => Object.values(one.headers)))];
const headers = fc.dictionary(
  fc.oneof(fc.constantFrom(...headerNames, ...signatureNames), fc.string()),
  fc.oneof(
    fc.constantFrom(...headerValues, 'sha256=', 'v1,', 'Basic ', 'application/x-www-form-urlencoded'),
    fc.string(),
  ),
);

describe('whatever is sent, a vendor answers or calls it malformed', () => {
  it('for any bytes', () => {
    const bodies = fc.oneof(fc.uint8Array(), fc.string(), fc.json());
    fc.assert(
      fc.property(bodies, headers, (body, sent) => isSafe(request(body, sent))),
      { numRuns: 500 },
    );
  });

  it('for deliveries with a part replaced, removed or moved', () => {
    const mutated = fc
      .tuple(fc.constantFrom(...FIXTURES), fc.nat(), fc.oneof(fc.jsonValue(), fc.constant(undefined), fc.string()))
      .map(([one, place, value]) => request(JSON.stringify(replaceAt(one.body, place, value)), one.headers));
    fc.assert(fc.property(mutated, isSafe), { numRuns: 2_000 });
  });

  it('for deliveries with a byte flipped', () => {
    const mutated = fc
      .tuple(fc.constantFrom(...FIXTURES), fc.nat(), fc.integer({ min: 1, max: 255 }))
      .map(([one, place, mask]) => {
        const body = Buffer.from(JSON.stringify(one.body));
        const at = place % body.length;
        body[at] = (body[at] ?? 0) ^ mask;
        return request(body, one.headers);
      });
    fc.assert(fc.property(mutated, isSafe), { numRuns: 1_000 });
  });
});

/** Every vendor, not only the one that would be asked: a trigger may pin any. */
function isSafe(sent: RawRequest): void {
  for (const vendor of VENDORS) {
    vendor.recognizes(sent);
    vendor.deliveryId(sent);
    vendor.verify(sent, 'secret', new Date(0));
    try {
      vendor.parse(sent);
    } catch (error) {
      if (!(error instanceof Malformed)) throw error;
    }
  }
}

/** The value with its nth node (depth first) replaced. */
function replaceAt(root: unknown, place: number, value: unknown): unknown {
  const nodes: { holder: Record<string, unknown>; key: string }[] = [];
  const copy = { root: structuredClone(root) };
  const walk = (holder: Record<string, unknown>, key: string): void => {
    nodes.push({ holder, key });
    const node = holder[key];
    if (typeof node !== 'object' || node === null) return;
    for (const inner of Object.keys(node)) walk(node as Record<string, unknown>, inner);
  };
  walk(copy, 'root');
  const chosen = nodes[place % nodes.length];
  if (chosen !== undefined) chosen.holder[chosen.key] = value;
  return copy.root ?? null;
}
