import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { sequenceAll } from '#store/sequencer';
import { ADMIN_TOKEN, expectProblem, startTestApi, type Answer, type Api } from './fixture.js';

let api: Api;
beforeAll(async () => (api = await startTestApi()));
afterAll(() => api.stop());

const events = async (query = ''): Promise<Answer[]> => {
  await sequenceAll(api.opened.store.pool);
  return (await api.call('get', `/api/events${query}`).expect(200)).body.items;
};

/** The messages of an SSE stream, one at a time. */
async function* messages(path: string, headers: Record<string, string> = {}): AsyncGenerator<Record<string, string>> {
  const cut = new AbortController();
  const answer = await fetch(api.url + path, {
    headers: { authorization: `Bearer ${ADMIN_TOKEN}`, ...headers },
    signal: cut.signal,
  });
  expect(answer.headers.get('content-type')).toContain('text/event-stream');
  let text = '';
  try {
    for await (const chunk of answer.body!.pipeThrough(new TextDecoderStream())) {
      text += chunk;
      for (let end = text.indexOf('\n\n'); end >= 0; end = text.indexOf('\n\n')) {
        const fields = text
          .slice(0, end)
          .split('\n')
          .filter((line) => !line.startsWith(':'));
        text = text.slice(end + 2);
        if (fields.length > 0)
          yield Object.fromEntries(
            fields.map((line) => [line.slice(0, line.indexOf(':')), line.slice(line.indexOf(':') + 2)]),
          );
      }
    }
  } finally {
    cut.abort();
  }
}

describe('GET /api/events', () => {
  test('is the log in its order, by pages and by filter', async () => {
    const made = await api.workload();
    await api.call('patch', `/api/workloads/${made['id']}`, { title: 'x' }).expect(200);
    const all = await events('?limit=200');
    expect(all.map(({ position }) => Number(position))).toEqual(all.map((_, index) => index + 1));
    const stream = `workload-${made['id']}`;
    const own = await events(`?stream=${stream}`);
    expect(own).toMatchObject([
      {
        type: 'WorkloadCreated',
        stream,
        version: 1,
        actor: 'system:admin-token',
        workloadIds: [made['id']],
        data: { name: made['name'] },
      },
      { type: 'WorkloadChanged', stream, version: 2, data: { title: 'x' } },
    ]);
    expect(await events(`?correlationId=${own[0]!['correlationId']}`)).toEqual([own[0]]);
    expect(await events(`?type=WorkloadChanged&after=${own[0]!['position']}`)).toEqual([own[1]]);
    const page = (await api.call('get', '/api/events?limit=1').expect(200)).body;
    const next = (await api.call('get', `/api/events?limit=1&cursor=${page.nextCursor}`).expect(200)).body;
    expect([...page.items, ...next.items]).toEqual(all.slice(0, 2));
    expectProblem(await api.call('get', '/api/events?after=x'), 400, 'invalid-query', ['/after']);
  });

  test('shows no hash of a token or webhook', async () => {
    await api.token('viewer');
    await api.trigger();
    const all = await events('?limit=200');
    expect(all.some(({ type }) => type === 'TokenCreated')).toBe(true);
    expect(JSON.stringify(all)).not.toContain('"hash"');
  });
});

describe('GET /api/events/stream', () => {
  test('brings what happens, and goes on from Last-Event-ID', async () => {
    await sequenceAll(api.opened.store.pool);
    const live = messages('/api/events/stream?after=0');
    const first = (await live.next()).value!;
    expect(first['id']).toBe('1');
    await live.return(undefined);
    const resumed = messages('/api/events/stream', { 'last-event-id': first['id']! });
    expect((await resumed.next()).value).toMatchObject({ id: '2' });
    await resumed.return(undefined);

    const head = await api.opened.store.headPosition();
    const fresh = messages(`/api/events/stream?after=${head}`);
    const waiting = fresh.next();
    const made = await api.workload();
    const message = (await waiting).value!;
    expect(JSON.parse(message['data'])).toMatchObject({
      type: 'WorkloadCreated',
      stream: `workload-${made['id']}`,
      position: message['id'],
    });
    await fresh.return(undefined);
  });

  test('says reset when the position is none of this log', async () => {
    const stream = messages('/api/events/stream', { 'last-event-id': '999999999' });
    expect((await stream.next()).value).toMatchObject({ event: 'reset', id: await api.opened.store.headPosition() });
    await stream.return(undefined);
  });

  test('ends when its token is revoked', async () => {
    const made = (await api.call('post', '/api/tokens', { name: 'reader', role: 'viewer' }).expect(201)).body;
    const stream = messages('/api/events/stream', { authorization: `Bearer ${made.token}` });
    const ended = (async () => {
      for await (const message of stream) void message;
    })();
    await api.call('delete', `/api/tokens/${made.id}`).expect(204);
    const startedAt = performance.now();
    await ended;
    expect(performance.now() - startedAt).toBeLessThan(6_000);
  });
});

describe('GET /api/audit/verify', () => {
  test('finds the log intact, and a changed byte', async () => {
    await sequenceAll(api.opened.store.pool);
    const intact = (await api.call('get', '/api/audit/verify').expect(200)).body;
    expect(intact).toMatchObject({ intact: true, head: { position: await api.opened.store.headPosition() } });
    await api.opened.store.pool.query('alter table log.event disable trigger all');
    await api.opened.store.pool.query(
      `update log.event set body = replace(body, 'app-1', 'app-9') where stream like 'workload-%' and version = 1`,
    );
    const changed = (await api.call('get', '/api/audit/verify').expect(200)).body;
    expect(changed).toMatchObject({ intact: false, fault: 'payload-changed' });
  });
});
