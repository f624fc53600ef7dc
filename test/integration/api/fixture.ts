import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import request from 'supertest';
import { expect } from 'vitest';
import type { Source } from '#plugins/source';
import { SOURCES } from '#plugins/sources/sources';
import type { Trigger } from '#plugins/trigger';
import { TRIGGERS } from '#plugins/triggers/triggers';
import { VENDORS } from '#plugins/vendors/vendors';
import { readConfig } from '#runtime/config';
import { createHealth } from '#runtime/health';
import { createHttp } from '#runtime/http';
import { createLogger } from '#runtime/logging';
import { createMetrics } from '#runtime/metrics';
import { openDataSource } from '#store/data-source';
import { openStore, type OpenStore } from '#store/open-store';
import { createApi } from '../../../apps/api/src/create-api.js';
import { createDatabase } from '../../support/postgres.js';

export const ADMIN_TOKEN = 'test-admin-token-0123456789';
export const DIGEST = `sha256:${'a'.repeat(64)}`;

type Method = 'get' | 'post' | 'put' | 'patch' | 'delete';
export interface Call {
  /** Left out: the admin token. Null: none. */
  readonly token?: string | null;
  readonly headers?: Readonly<Record<string, string>>;
}

export interface Api {
  readonly app: NestFastifyApplication;
  readonly opened: OpenStore;
  readonly databaseUrl: string;
  /** Where it listens: for streams, which supertest would read to their end. */
  readonly url: string;
  call(method: Method, path: string, body?: object | string, call?: Call): request.Test;
  /** A workload that is there; its answer. */
  workload(more?: object): Promise<Answer>;
  trigger(more?: object): Promise<Answer>;
  /** A token with that role; for these workloads only. */
  token(role: string, workloadIds?: readonly string[]): Promise<string>;
  stop(): Promise<void>;
}
// eslint-disable-next-line @typescript-eslint/no-explicit-any -- an answer is looked at field by field
export type Answer = Record<string, any>;

export interface TestApiOptions {
  readonly env?: Readonly<Record<string, string>>;
  /** Beside those that ship. */
  readonly triggers?: readonly Trigger[];
  readonly sources?: readonly Source[];
  /** A cluster that the test may break; that of the run unless told. */
  readonly clusterUrl?: string;
}

/** The API over a database of its own, without worker, reconciler or queue. */
export async function startTestApi({
  env = {},
  triggers = [],
  sources = [],
  clusterUrl,
}: TestApiOptions = {}): Promise<Api> {
  const database = await createDatabase(clusterUrl === undefined ? {} : { clusterUrl, migrated: false });
  const dataDir = await mkdtemp(join(tmpdir(), 'tf-api-'));
  const config = readConfig(
    {
      DATABASE_URL: database.url,
      TINYFORGE_DATA_DIR: dataDir,
      TINYFORGE_ADMIN_TOKEN: ADMIN_TOKEN,
      TINYFORGE_API_PORT: '0',
      ...env,
    },
    'api',
  );
  const logger = createLogger({ app: 'api', level: process.env['TEST_LOG_LEVEL'] ?? 'silent' });
  const opened = await openStore({
    databaseUrl: database.url,
    dataDir,
    masterKey: null,
    mayPrepare: true,
    applicationName: 'test api',
    onError: () => undefined,
  });
  const health = createHealth();
  health.add('postgres', async () => void (await opened.store.pool.query('select 1')));
  const http = createHttp();
  const app = await createApi({
    ...opened,
    reads: await openDataSource(opened.store.pool),
    plugins: { sources: [...SOURCES, ...sources], triggers: [...TRIGGERS, ...triggers], vendors: VENDORS },
    config,
    http,
    logger,
    health,
    metrics: createMetrics('api'),
    clock: () => new Date(),
  });
  await app.listen(0, '127.0.0.1');
  const call = caller(app);
  return {
    app,
    opened,
    databaseUrl: database.url,
    url: (await app.getUrl()).replace('[::1]', '127.0.0.1'),
    call,
    ...makers(call),
    stop: async () => {
      await app.close();
      await opened.stop().catch(() => undefined);
      await http.stop();
      // A cluster of the test's own may be gone by now.
      await database.drop().catch((error: unknown) => {
        if (clusterUrl === undefined) throw error;
      });
      await rm(dataDir, { recursive: true, force: true });
    },
  };
}

/** The answer is a problem of that status and code; `pointers` name its bad fields. */
export function expectProblem(
  answer: request.Response,
  status: number,
  code: string,
  pointers?: readonly string[],
): void {
  expect({ status: answer.status, code: (answer.body as Answer)['code'] }, JSON.stringify(answer.body)).toEqual({
    status,
    code,
  });
  expect(answer.headers['content-type']).toContain('application/problem+json');
  expect(answer.body).toMatchObject({
    status,
    title: expect.any(String),
    detail: expect.any(String),
    type: expect.any(String),
  });
  if (pointers) expect((answer.body as Answer)['errors'].map((error: Answer) => error['pointer'])).toEqual(pointers);
}

function caller(app: NestFastifyApplication): Api['call'] {
  return (method, path, body, { token = ADMIN_TOKEN, headers = {} } = {}) => {
    const test = request(app.getHttpServer())[method](path);
    if (token !== null) void test.set('authorization', `Bearer ${token}`);
    if (typeof body === 'string') void test.set('content-type', 'application/json');
    void test.set(headers);
    return body === undefined ? test : test.send(body);
  };
}

function makers(call: Api['call']): Pick<Api, 'workload' | 'trigger' | 'token'> {
  let made = 0;
  const create = async (path: string, body: object) => {
    const answer = await call('post', path, body);
    expect(answer.status, JSON.stringify(answer.body)).toBe(201);
    return answer.body as Answer;
  };
  return {
    workload: (more = {}) =>
      create('/api/workloads', {
        name: `app-${++made}`,
        sourceKind: 'image',
        sourceConfig: { image: 'registry.example.org/acme/shop', port: 8080 },
        ...more,
      }),
    trigger: (more = {}) =>
      create('/api/triggers', { kind: 'registry', name: `trigger ${++made}`, config: {}, ...more }),
    token: async (role, workloadIds) =>
      (await create('/api/tokens', { name: `token ${++made}`, role, ...(workloadIds && { workloadIds }) }))[
        'token'
      ] as string,
  };
}
