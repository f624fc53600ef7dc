import { expect, it } from 'vitest';
import { Malformed, type RawRequest } from '#plugins/inbound';
import { identify, interpret } from '#plugins/vendors/dispatch';
import { withoutPerson } from '#plugins/without-person';
import { FIXTURES, requestOf } from '../unit/plugins/vendors/fixture.js';
import { readDeliveries } from './deliveries.js';

const RUNS = 50_000;
const SLOW_MS = 100;
const folder = process.env['WEBHOOK_CORPUS'];
const seeds = folder ? readDeliveries(folder).map(({ request }) => request) : FIXTURES.map(requestOf);
/** A large body takes its time to be mutated, not to be read: those few are mutated less. */
const small = seeds.filter(({ body }) => body.length < 100_000);

it(`reads or refuses ${RUNS} mutated deliveries, and never takes long`, { timeout: 300_000 }, () => {
  const random = seeded(20_261_124);
  const count = { read: 0, malformed: 0 };
  const slow: string[] = [];
  for (let run = 0; run < RUNS; run += 1) {
    const sent = mutate(small[random.below(small.length)]!, random);
    const first = look(sent, count);
    // Once may be the machine's doing; three times in a row is the parser's.
    if (first > SLOW_MS && look(sent, count) > SLOW_MS && look(sent, count) > SLOW_MS) slow.push(`run ${run}`);
  }
  expect(slow).toEqual([]);
  expect(count.read).toBeGreaterThan(RUNS / 10);
  expect(count.malformed).toBeGreaterThan(RUNS / 10);
});

/** Milliseconds it took. Whatever is thrown but {@link Malformed} fails the test. */
function look(sent: RawRequest, count: { read: number; malformed: number }): number {
  const since = performance.now();
  try {
    const result = interpret(sent, identify(sent, null));
    if (result.kind === 'events') result.events.forEach(({ event }) => JSON.stringify(withoutPerson(event)));
    count.read += 1;
  } catch (error) {
    if (!(error instanceof Malformed) || error.cause !== undefined) throw error;
    count.malformed += 1;
  }
  return performance.now() - since;
}

const VALUES = [
  'null',
  '[]',
  '{}',
  '""',
  '-1',
  '1e400',
  'true',
  '"\\u0000"',
  '"refs/heads/"',
  '[[[[]]]]',
  '{"__proto__":1}',
];

/** A value in its place, a piece gone or doubled, or a byte another. */
function mutate(one: RawRequest, random: Random): RawRequest {
  const text = Buffer.from(one.body).toString('utf8');
  const at = random.below(text.length + 1);
  const to = Math.min(text.length, at + random.below(40));
  const kind = random.below(4);
  if (kind === 0) return { ...one, body: Buffer.from(text.slice(0, at) + text.slice(to)) };
  if (kind === 1) return { ...one, body: Buffer.from(text.slice(0, to) + text.slice(at)) };
  if (kind === 2) {
    const body = Buffer.from(one.body);
    if (body.length > 0) body[at % body.length] = random.below(256);
    return { ...one, body };
  }
  const places = [...text.matchAll(/:\s*("(?:[^"\\]|\\.)*"|[\w.+-]+)/g)];
  const place = places[random.below(Math.max(1, places.length))];
  if (place === undefined) return { ...one, body: Buffer.from(text.slice(0, at)) };
  const value = VALUES[random.below(VALUES.length)]!;
  return {
    ...one,
    body: Buffer.from(`${text.slice(0, place.index)}:${value}${text.slice(place.index + place[0].length)}`),
  };
}

interface Random {
  /** A whole number from 0 to below that one. */
  below(limit: number): number;
}

/** The same numbers in every run (mulberry32). */
function seeded(seed: number): Random {
  let state = seed;
  return {
    below(limit) {
      state = (state + 0x6d2b79f5) | 0;
      let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
      mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
      return Math.floor((((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296) * limit);
    },
  };
}
