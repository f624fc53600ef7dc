import { afterAll, beforeAll, expect, inject, it } from 'vitest';
import { createHealth } from '#runtime/health';
import { createLogger } from '#runtime/logging';
import { createMetrics } from '#runtime/metrics';
import { masterKey } from '#store/master-key';
import { createSecrets } from '#store/secrets';
import { createStore } from '#store/store';
import { createIngress } from '../../../apps/webhook-ingress/src/create-ingress.js';
import { runOn } from '../../support/postgres.js';
import { envelope, githubPush, startIngress, type TestIngress, type TestTrigger } from './fixture.js';

let ingress: TestIngress;
let warm: TestTrigger;
let cold: TestTrigger;
beforeAll(async () => {
  ingress = await startIngress();
  [warm, cold] = [await ingress.trigger(), await ingress.trigger()];
});
afterAll(() => ingress.close());

async function takeDown(): Promise<void> {
  const name = new URL(ingress.databaseUrl).pathname.slice(1);
  await runOn(inject('postgresUrl'), `alter database ${name} allow_connections false`);
  await runOn(
    inject('postgresUrl'),
    `select pg_terminate_backend(pid) from pg_stat_activity where datname = '${name}'`,
  );
}

async function bringUp(): Promise<void> {
  await runOn(
    inject('postgresUrl'),
    `alter database ${new URL(ingress.databaseUrl).pathname.slice(1)} allow_connections true`,
  );
}

it('without Postgres every delivery is 503 with Retry-After, and taken when it is back', async () => {
  const envelopes = ['e1', 'e2', 'e3'].map((id) => envelope(id, `${id}-2`));
  const { body, headers } = githubPush();
  // In the cache of the ingress: what fails then is the write.
  expect((await warm.post({ image: 'depot.test/crate:1' })).status).toBe(202);
  await takeDown();
  const answers = await Promise.all([
    warm.post(body, headers),
    ...envelopes.map((each) => warm.post(each.body, each.headers)),
    cold.post(body, headers),
  ]);
  for (const answer of answers) {
    expect(answer).toMatchObject({ status: 503, body: { status: 503, title: 'Service Unavailable' } });
    expect(Number(answer.headers['retry-after'])).toBeGreaterThan(0);
    expect(answer.headers['content-type']).toMatch('application/problem+json');
    expect(JSON.stringify(answer.body)).not.toMatch(/postgres|terminat|ECONN|socket|password/i);
  }
  await bringUp();
  expect((await warm.post(body, headers)).status).toBe(202);
  expect((await cold.post(body, headers)).status).toBe(202);
  for (const each of envelopes) expect((await warm.post(each.body, each.headers)).status).toBe(202);
});

it('a Postgres that never was there is 503 too', async () => {
  const store = createStore({ databaseUrl: 'postgresql://nobody@localhost/none?host=%2Fnonexistent' });
  const secrets = createSecrets(store.pool, masterKey(Buffer.alloc(32)));
  const logger = createLogger({ app: 'webhook-ingress', level: 'silent' });
  const server = createIngress({
    store,
    secrets,
    logger,
    health: createHealth(),
    metrics: createMetrics('webhook-ingress'),
  });
  const answer = await server.inject({ method: 'POST', url: '/api/webhook/triggers/whoever', payload: '{}' });
  expect(answer.statusCode).toBe(503);
  expect(answer.headers['retry-after']).toBeDefined();
  await server.close();
  await store.close();
});

it('lives on without Postgres, and says that it is not ready', async () => {
  const health = createHealth();
  health.add('postgres', async () => void (await ingress.store.pool.query('select 1')));
  const { store, secrets } = ingress;
  const logger = createLogger({ app: 'webhook-ingress', level: 'silent' });
  const server = createIngress({ store, secrets, logger, health, metrics: createMetrics('webhook-ingress') });
  expect((await server.inject('/readyz')).statusCode).toBe(200);
  await takeDown();
  health.add('afresh', async () => undefined);
  expect((await server.inject('/readyz')).statusCode).toBe(503);
  expect((await server.inject('/healthz')).statusCode).toBe(200);
  expect((await server.inject('/metrics')).statusCode).toBe(200);
  await bringUp();
  await server.close();
});
