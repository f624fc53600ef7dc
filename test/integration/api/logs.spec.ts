import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { trimRing, writeLog, type LogLine } from '#store/container-log';
import { ADMIN_TOKEN, expectProblem, startTestApi, type Answer, type Api } from './fixture.js';

const SUBJECT = 'node-default';
const START = Date.parse('2026-03-01T12:00:00.000Z');

let api: Api;
let epoch: number;
let workloadId: string;

beforeAll(async () => {
  api = await startTestApi();
  epoch = (await api.opened.store.leases.acquire({ subject: SUBJECT, owner: 'test', ttlMs: 600_000 }))!;
});
afterAll(() => api?.stop());
beforeEach(async () => {
  workloadId = (await api.workload())['id'] as string;
});

/** Line n says `line n`, one second after the one before; every third on stderr. */
const lineOf = (n: number): LogLine => ({
  at: START + n * 1_000,
  stream: n % 3 === 0 ? 'stderr' : 'stdout',
  line: `line ${n}`,
});

async function store(from: number, to: number, lines = lineOf): Promise<boolean> {
  const origin = { workloadId, container: 'tf-app-1', containerId: `c-${workloadId}`, deploymentId: null, instance: 1 };
  const all = Array.from({ length: to - from + 1 }, (_, index) => lines(from + index));
  return writeLog(api.opened.store.pool, {
    chunks: [{ ...origin, seq: from, lines: all }],
    cursors: new Map([[origin.containerId, { at: '2026', repeats: 1, workloadId }]]),
    lease: { subject: SUBJECT, epoch },
  });
}

const LINES = { accept: 'application/x-ndjson' };
const path = (query = '') => `/api/workloads/${workloadId}/logs${query}`;
const read = async (query = '', headers: Readonly<Record<string, string>> = {}): Promise<Answer[]> => {
  const answer = await api.call('get', path(query), undefined, { headers: { ...LINES, ...headers } });
  expect(answer.status, answer.text).toBe(200);
  const text = answer.text ?? (answer.body as Buffer).toString();
  return text
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as Answer);
};
const seqs = async (query = '', headers = {}) => (await read(query, headers)).map(({ seq }) => seq as number);

describe('the output of a workload', () => {
  it('is empty before anything was said', async () => {
    expect(await read()).toEqual([]);
  });

  it('is numbered lines with their instant, stream and container', async () => {
    await store(1, 3);
    expect(await read()).toMatchObject([
      { seq: 1, at: '2026-03-01T12:00:01.000Z', stream: 'stdout', container: 'tf-app-1', instance: 1, line: 'line 1' },
      { seq: 2, stream: 'stdout' },
      { seq: 3, stream: 'stderr', line: 'line 3' },
    ]);
  });

  it('is cut to its tail, across chunks, and narrowed by stream, instant and text', async () => {
    for (let from = 1; from <= 100; from += 5) await store(from, from + 4);
    expect(await seqs('?tail=7')).toEqual([94, 95, 96, 97, 98, 99, 100]);
    expect(await seqs('?tail=0')).toEqual([]);
    expect(await seqs('?tail=2&stream=stderr')).toEqual([96, 99]);
    expect(await seqs('?since=2026-03-01T12:01:38Z')).toEqual([98, 99, 100]);
    expect(await seqs('?grep=line%209&tail=100')).toEqual([9, 90, 91, 92, 93, 94, 95, 96, 97, 98, 99]);
    expect(await seqs(`?grep=${encodeURIComponent('/9$/')}&tail=3`)).toEqual([79, 89, 99]);
    expect(await seqs(`?grep=${encodeURIComponent('.*')}`)).toEqual([]);
  });

  it('goes on after the line that a reader has', async () => {
    for (let from = 1; from <= 20; from += 5) await store(from, from + 4);
    expect(await seqs('', { 'last-event-id': '17' })).toEqual([18, 19, 20]);
    expect(await seqs('', { 'last-event-id': '20' })).toEqual([]);
  });

  it('says how many lines a reader missed that was slower than the ring', async () => {
    const long = (n: number): LogLine => ({ ...lineOf(n), line: 'x'.repeat(1_000) });
    await store(1, 20, long);
    await store(21, 40, long);
    expect(await trimRing(api.opened.store.pool, workloadId, 30_000)).toBeLessThan(30_000);
    const [gap, next] = await read('', { 'last-event-id': '5' });
    expect(gap).toEqual({ seq: 20, event: 'gap', missed: 15 });
    expect(next).toMatchObject({ seq: 21 });
  });

  it('keeps what was written, and nothing of it ends a line of the stream', async () => {
    const odd = '\u001b[1mbold\u2028 data: x\r id: 7 "}{ \u2400';
    await store(1, 1, () => ({ at: START, stream: 'stdout', line: odd }));
    expect((await read())[0]).toMatchObject({ line: odd });
    const events = await api.call('get', path(), undefined, { headers: { accept: 'text/event-stream' } });
    expect(events.text.split('\n').filter((line) => line.startsWith('id: '))).toEqual(['id: 1']);
  });

  it('is not written by who has lost the lease', async () => {
    const mine = epoch;
    epoch = mine - 1;
    expect(await store(1, 1)).toBe(false);
    epoch = mine;
    expect(await read()).toEqual([]);
  });

  it('is refused for bad questions, and not there for who may not see the workload', async () => {
    expectProblem(await api.call('get', path(`?grep=${encodeURIComponent('/(/')}`)), 400, 'invalid-grep', ['/grep']);
    for (const query of ['?tail=-1', '?tail=x', '?stream=both', '?since=yesterday', '?follow=maybe'])
      expect((await api.call('get', path(query))).status, query).toBe(400);
    expect((await api.call('get', path('?color=red'))).status).toBe(400);
    const other = (await api.workload())['id'] as string;
    const token = await api.token('viewer', [other]);
    expectProblem(await api.call('get', path(), undefined, { token }), 404, 'not-found');
    expectProblem(await api.call('get', path(), undefined, { token: null }), 401, 'unauthenticated');
  });
});

describe('following', () => {
  it('is open before anything was said', async () => {
    const ended = new AbortController();
    const headers = { ...LINES, authorization: `Bearer ${ADMIN_TOKEN}` };
    const answer = await fetch(`${api.url}${path('?follow=true')}`, { headers, signal: ended.signal });
    expect(answer.status).toBe(200);
    expect(answer.headers.get('content-type')).toContain('application/x-ndjson');
    ended.abort();
  });

  it('gives what comes, and ends when the token is revoked', async () => {
    await store(1, 2);
    const made = (await api.call('post', '/api/tokens', { name: `t-${workloadId}`, role: 'viewer' })).body as Answer;
    const answer = await fetch(`${api.url}${path('?follow=true&tail=1')}`, {
      headers: { ...LINES, authorization: `Bearer ${made['token']}` },
    });
    const reader = answer.body!.pipeThrough(new TextDecoderStream()).getReader();
    expect((await reader.read()).value).toContain('"seq":2');
    await store(3, 4);
    let text = '';
    while (!text.includes('"seq":4')) text += (await reader.read()).value;
    expect(text).toContain('"seq":3');
    expect((await api.call('delete', `/api/tokens/${made['id']}`)).status).toBeLessThan(300);
    await store(5, 5);
    for (;;) if ((await reader.read()).done) break;
  });
});
