import { readdirSync, statSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { Malformed, type RawRequest } from '#plugins/inbound';
import { identify, interpret } from '#plugins/vendors/dispatch';
import { VENDORS } from '#plugins/vendors/vendors';
import { FIXTURES, fixture, request, requestOf } from './fixture.js';

describe('a delivery is recognised and read', () => {
  it.each(FIXTURES.map((one) => [one.name, one.about, one] as const))('%s: %s', (_, __, one) => {
    const sent = requestOf(one);
    const vendor = identify(sent, null);
    expect(vendor?.name).toBe(one.vendor);
    expect(vendor?.deliveryId(sent)).toBe(one.deliveryId);
    expect(read(sent)).toMatchObject(one.expect);
  });

  it('has fixtures for every vendor with a body', () => {
    const covered = new Set(FIXTURES.map((one) => one.vendor));
    expect(VENDORS.map((vendor) => vendor.name).filter((name) => !covered.has(name))).toEqual(['manual']);
  });
});

describe('the array of vendors', () => {
  it('holds every folder once, under its name', () => {
    const folder = new URL('../../../../libs/plugins/src/vendors/', import.meta.url).pathname;
    const folders = readdirSync(folder).filter((name) => statSync(folder + name).isDirectory());
    expect(VENDORS.map((vendor) => vendor.name).sort()).toEqual(folders.sort());
  });

  it('asks forks before what they imitate, and generic last', () => {
    const names = VENDORS.map((vendor) => vendor.name);
    const order = ['manual', 'forgejo', 'gitea', 'gogs', 'github', 'generic'];
    expect(names.filter((name) => order.includes(name))).toEqual(order);
    expect(names.at(-1)).toBe('generic');
  });
});

describe('identify', () => {
  it('takes an empty body for a manual fire, whatever the headers say', () => {
    const empty = request('', { 'x-github-event': 'push' });
    expect(identify(empty, null)?.name).toBe('manual');
    expect(read(empty)).toEqual({ kind: 'events', events: [{ id: null, event: { kind: 'manual' } }] });
  });

  it('takes a pinned vendor at its word', () => {
    const sent = requestOf(fixture('generic/image-port-tag'));
    expect(identify(sent, 'github')?.name).toBe('github');
    expect(identify({ ...sent, headers: { 'x-github-event': 'push' } }, 'generic')?.name).toBe('generic');
  });

  it('ignores deliveries when the pinned vendor does not exist', () => {
    const sent = requestOf(fixture('generic/image-port-tag'));
    expect(identify(sent, 'nobody')).toBeNull();
    expect(interpret(sent, null)).toMatchObject({ kind: 'ignored' });
  });
});

describe('bodies', () => {
  const image = '{"image":"ghcr.io/acme/api:v1"}';
  const accepted = { kind: 'events', events: [{ event: { repository: 'acme/api', tag: 'v1' } }] };
  const form = { 'content-type': 'application/x-www-form-urlencoded' };

  it('are JSON, also with a byte order mark', () => {
    expect(read(request(`\uFEFF${image}`))).toMatchObject(accepted);
  });

  it('may stand in the form field payload', () => {
    expect(read(request(`payload=${encodeURIComponent(image)}`, form))).toMatchObject(accepted);
  });

  it('may be JSON that curl labelled as a form', () => {
    expect(read(request(image, form))).toMatchObject(accepted);
  });

  it.each([
    ['an array', '[]'],
    ['a string', '"x"'],
    ['no JSON', 'image=x'],
    ['trailing text', `${image}}`],
    ['UTF-16', Buffer.from([0xff, 0xfe, 0x7b, 0, 0x7d, 0])],
    ['broken UTF-8', Buffer.from([0x7b, 0x22, 0xc3, 0x28, 0x22, 0x7d])],
    ['20,000 levels', `{"image":"a","x":${'['.repeat(20_000)}${']'.repeat(20_000)}}`],
    ['65 levels', `{"image":"a","x":${'['.repeat(64)}${']'.repeat(64)}}`],
    ['a hundred thousand lists', `{"image":"a","x":[${'[],'.repeat(100_000)}0]}`],
  ])('of %s are malformed', (_, body) => {
    expect(read(request(body))).toMatchObject({ kind: 'malformed', deadLetter: false });
  });

  it('may nest 64 levels', () => {
    expect(read(request(`{"image":"a:1","x":${'['.repeat(63)}${']'.repeat(63)}}`))).toMatchObject({ kind: 'events' });
  });

  it('may hold any bracket in a string', () => {
    expect(read(request(`{"image":"a:1","x":"\\"${'['.repeat(70)}\\\\"}`))).toMatchObject({ kind: 'events' });
  });

  it('cannot reach a prototype', () => {
    const found = read(request('{"__proto__":{"image":"a:1"},"constructor":{"prototype":{"polluted":1}}}'));
    expect(found).toMatchObject({ kind: 'malformed' });
    expect(({} as Record<string, unknown>)['polluted']).toBeUndefined();
  });

  it('lose what Postgres cannot store', () => {
    const body = fixture('github/push-branch').body as object;
    const sent = { ...body, pusher: { name: 'a\0b\ud800' } };
    const found = read(request(JSON.stringify(sent), { 'x-github-event': 'push' }));
    expect(found).toMatchObject({ events: [{ event: { pusher: 'ab\ufffd' } }] });
  });
});

describe('a broken Distribution envelope', () => {
  it('of more events than any registry packs together is not read', () => {
    const events = Array.from({ length: 1_001 }, () => ({ action: 'pull', target: {} }));
    expect(read(request(JSON.stringify({ events })))).toMatchObject({ kind: 'malformed', deadLetter: true });
  });

  it('is put aside even when it is no JSON', () => {
    const headers = { 'content-type': 'application/vnd.docker.distribution.events.v1+json' };
    expect(read(request('{', headers))).toMatchObject({ kind: 'malformed', deadLetter: true });
  });
});

function read(sent: RawRequest): unknown {
  try {
    return interpret(sent, identify(sent, null));
  } catch (error) {
    if (!(error instanceof Malformed) || error.cause !== undefined) throw error;
    return { kind: 'malformed', deadLetter: error.deadLetter, message: error.message };
  }
}
