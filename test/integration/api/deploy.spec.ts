import { createServer, type Server } from 'node:net';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { deployment } from '#domain/deployment';
import { appendLog } from '#store/deployment-log';
import { on } from '#store/operation';
import { startRegistry, type RunningRegistry } from '../../support/registry.js';
import { DIGEST, expectProblem, startTestApi, type Answer, type Api } from './fixture.js';
import { pushManifest } from './push-manifest.js';

let api: Api;
let registry: RunningRegistry;
let digest: string;
beforeAll(async () => {
  [api, registry] = await Promise.all([startTestApi(), startRegistry()]);
  digest = await pushManifest(registry.host, 'acme/shop', '1.0.0');
  await api.call('post', '/api/registries', { name: 'local', host: registry.host, insecure: true }).expect(201);
});
afterAll(async () => {
  await registry?.stop();
  await api?.stop();
});

const shop = (more: object = {}) =>
  api.workload({ sourceConfig: { image: `${registry.host}/acme/shop`, port: 8080, ...more } });
const BY_TEST = { actor: 'system:test', correlationId: 'test' };

async function deployments(workloadId: string): Promise<Answer[]> {
  return (await api.call('get', `/api/workloads/${workloadId}/deployments`).expect(200)).body.items;
}

describe('POST /api/workloads/{id}/deploy', () => {
  test('resolves the tag and asks for a deployment; a waiting one gives way', async () => {
    const { id } = await shop();
    const first = await api.call('post', `/api/workloads/${id}/deploy`, { tag: '1.0.0', reason: 'launch' });
    expect(first.status, JSON.stringify(first.body)).toBe(202);
    expect(first.body).toMatchObject({
      workloadId: id,
      status: 'waiting',
      reason: 'manual',
      note: 'launch',
      release: { artifact: { kind: 'image', repository: `${registry.host}/acme/shop`, tag: '1.0.0', digest } },
      steps: [],
      error: null,
    });
    expect((await api.call('get', `/api/workloads/${id}`)).body).toMatchObject({
      state: 'deploying',
      pendingDeploymentId: first.body.id,
    });
    const second = await api.call('post', `/api/workloads/${id}/deploy`, { digest }).expect(202);
    expect(await deployments(id)).toMatchObject([
      { id: second.body.id, status: 'waiting' },
      { id: first.body.id, status: 'superseded', error: { code: 'superseded' } },
    ]);
    const waiting = (await api.call('get', `/api/deployments?status=waiting&workloadId=${id}`).expect(200)).body.items;
    expect(waiting.map((row: Answer) => row['id'])).toEqual([second.body.id]);
  });

  test('twenty at once leave one waiting', async () => {
    const { id } = await shop();
    const answers = await Promise.all(
      Array.from({ length: 20 }, () => api.call('post', `/api/workloads/${id}/deploy`, { digest })),
    );
    const statuses = new Set(answers.map(({ status }) => status));
    expect([...statuses].every((status) => status === 202 || status === 409)).toBe(true);
    const made = await deployments(id);
    expect(made.filter(({ status }) => status === 'waiting')).toHaveLength(1);
    expect(made).toHaveLength(answers.filter(({ status }) => status === 202).length);
  });

  test('stores nothing when the tag is not there', async () => {
    const { id } = await shop();
    expectProblem(await api.call('post', `/api/workloads/${id}/deploy`, { tag: '9.9.9' }), 422, 'no-such-tag');
    expect(await deployments(id)).toEqual([]);
  });

  test('stores nothing when the registry is down, or silent', async () => {
    const silent = await listenSilently();
    const port = (silent.address() as AddressInfo).port;
    await api
      .call('post', '/api/registries', { name: 'silent', host: `127.0.0.1:${port}`, insecure: true })
      .expect(201);
    await api.call('post', '/api/registries', { name: 'down', host: '127.0.0.1:1', insecure: true }).expect(201);
    const mute = await api.workload({ sourceConfig: { image: `127.0.0.1:${port}/acme/shop` } });
    const down = await api.workload({ sourceConfig: { image: '127.0.0.1:1/acme/shop' } });
    const [late, refused] = await Promise.all([
      api.call('post', `/api/workloads/${mute['id']}/deploy`, {}),
      api.call('post', `/api/workloads/${down['id']}/deploy`, {}),
    ]);
    silent.close();
    expectProblem(late, 502, 'registry-unreachable');
    expectProblem(refused, 502, 'registry-unreachable');
    expect([...(await deployments(mute['id'])), ...(await deployments(down['id']))]).toEqual([]);
  });

  test('reaches no private address that no record names', async () => {
    const { id } = await api.workload({ sourceConfig: { image: '127.0.0.1:2/acme/shop' } });
    const answer = await api.call('post', `/api/workloads/${id}/deploy`, {});
    expect(answer.status).toBe(502);
    expect(await deployments(id)).toEqual([]);
  });

  test.each([
    ['a bad tag', { tag: '--upload-pack=x' }, '/tag'],
    ['a bad digest', { digest: 'sha256:1' }, '/digest'],
    ['a bad ref', { ref: '$(id)' }, '/ref'],
    ['a bad sha', { sha: 'main' }, '/sha'],
    ['a tag that is an object', { tag: { $gt: 0 } }, '/tag'],
  ])('refuses %s', async (_what, body, pointer) => {
    const { id } = await shop();
    expectProblem(await api.call('post', `/api/workloads/${id}/deploy`, body), 400, 'invalid-body', [pointer]);
  });
});

describe('GET /api/deployments/{id}', () => {
  async function running(): Promise<{ id: string; workloadId: string }> {
    const { id: workloadId } = await shop();
    const { id } = (await api.call('post', `/api/workloads/${workloadId}/deploy`, { digest: DIGEST }).expect(202)).body;
    const claim = {
      type: 'ClaimDeployment' as const,
      steps: ['pull', 'route', 'retire'],
      commitStep: 'route',
      owner: 'test',
      previousDeploymentId: null,
    };
    await api.opened.store.commit([on(deployment, id, claim)], BY_TEST);
    return { id, workloadId };
  }
  const line = (seq: number, text: string) => ({
    seq,
    at: new Date(0).toISOString(),
    stream: 'stdout' as const,
    step: 'pull',
    line: text,
  });

  test('shows the steps, those to come too, and why it failed with the last lines', async () => {
    const { id } = await running();
    await appendLog(
      api.opened.store.pool,
      id,
      Array.from({ length: 40 }, (_, index) => line(index + 1, `line ${index + 1}`)),
    );
    const failure = {
      step: 'pull',
      code: 'wrong-platform',
      class: 'permanent' as const,
      message: 'wrong platform',
      attempt: 1,
      logOffset: 41,
    };
    await api.opened.store.commit([on(deployment, id, { type: 'RecordStepFailure', failure, retryAt: null })], BY_TEST);
    await api.opened.store.commit([on(deployment, id, { type: 'FailDeployment' })], BY_TEST);
    const { body } = await api.call('get', `/api/deployments/${id}`).expect(200);
    expect(body).toMatchObject({
      status: 'failed',
      error: { step: 'pull', code: 'wrong-platform', class: 'permanent', attempt: 1 },
    });
    expect(body.error.lastLines).toHaveLength(20);
    expect(body.error.lastLines.at(-1)).toBe('line 40');
    expect(body.steps.map(({ name, status }: Answer) => [name, status])).toEqual([
      ['pull', 'failed'],
      ['route', 'pending'],
      ['retire', 'pending'],
    ]);
  });

  test('its containers are those of the current deployment', async () => {
    const { id, workloadId } = await running();
    const containers = [{ instance: 1, name: 'tf-shop-1', containerId: 'c'.repeat(64), ports: { 8080: 20_001 } }];
    await api.opened.store.commit(
      [on(deployment, id, { type: 'CompleteStep', step: 'pull', facts: { containers } })],
      BY_TEST,
    );
    await api.opened.store.commit([on(deployment, id, { type: 'CompleteStep', step: 'route', facts: {} })], BY_TEST);
    const { items } = (await api.call('get', `/api/workloads/${workloadId}/containers`).expect(200)).body;
    expect(items).toMatchObject([
      {
        id: `${workloadId}:web-1`,
        role: 'web-1',
        containerId: 'c'.repeat(64),
        port: 20_001,
        imageRef: `${registry.host}/acme/shop@${DIGEST}`,
        extraJson: {},
      },
    ]);
    const releases = (await api.call('get', `/api/workloads/${workloadId}/releases`).expect(200)).body.items;
    expect(releases).toMatchObject([
      { deploymentId: id, current: true, pinned: false, envVersion: 0, artifact: { digest: DIGEST } },
    ]);
    expect((await api.call('get', `/api/workloads/${workloadId}`)).body).toMatchObject({
      state: 'running',
      currentDeploymentId: id,
    });
  });

  test('its log follows until the end, and resumes', async () => {
    const { id } = await running();
    const { pool } = api.opened.store;
    await appendLog(pool, id, [line(1, 'one'), line(2, 'two')]);
    const headers = { authorization: `Bearer ${'test-admin-token-0123456789'}`, accept: 'application/x-ndjson' };
    const answer = await fetch(`${api.url}/api/deployments/${id}/log`, {
      headers: { ...headers, 'last-event-id': '1' },
    });
    expect(answer.headers.get('content-type')).toContain('application/x-ndjson');
    const reader = answer.body!.pipeThrough(new TextDecoderStream()).getReader();
    const first = await reader.read();
    expect(JSON.parse(first.value!)).toEqual({
      seq: 2,
      at: '1970-01-01T00:00:00.000Z',
      stream: 'stdout',
      step: 'pull',
      line: 'two',
    });
    await appendLog(pool, id, [line(3, 'three')]);
    expect(JSON.parse((await reader.read()).value!)).toMatchObject({ seq: 3, line: 'three' });
    const failure = { step: 'pull', code: 'x', class: 'permanent' as const, message: 'x', attempt: 1, logOffset: 4 };
    await api.opened.store.commit(
      [
        on(deployment, id, { type: 'RecordStepFailure', failure, retryAt: null }),
        on(deployment, id, { type: 'FailDeployment' }),
      ],
      BY_TEST,
    );
    expect(await reader.read()).toMatchObject({ done: true });
    const events = await (
      await fetch(`${api.url}/api/deployments/${id}/log?follow=false`, {
        headers: { authorization: headers.authorization },
      })
    ).text();
    expect(events).toContain('id: 3\ndata: {"seq":3');
  });
});

async function listenSilently(): Promise<Server> {
  const server = createServer(() => undefined).listen(0, '127.0.0.1');
  await once(server, 'listening');
  return server;
}
