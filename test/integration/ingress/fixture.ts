import { createHash, createHmac, randomBytes } from 'node:crypto';
import { Writable } from 'node:stream';
import type { FastifyInstance } from 'fastify';
import { v7 as uuidv7 } from 'uuid';
import { binding } from '#domain/binding';
import { trigger, type TriggerCommand } from '#domain/trigger';
import { createHealth } from '#runtime/health';
import { createLogger } from '#runtime/logging';
import { createMetrics } from '#runtime/metrics';
import { openStore } from '#store/open-store';
import { on, onNew } from '#store/operation';
import type { Secrets } from '#store/secrets';
import type { Store } from '#store/store';
import { createIngress } from '../../../apps/webhook-ingress/src/create-ingress.js';
import { createDatabase } from '../../support/postgres.js';
import { createWorkload } from '../../support/workloads.js';

const CAUSE = { actor: 'system:test', correlationId: 'test' };
export const DIGEST = `sha256:${'a'.repeat(64)}`;

export interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, unknown>>;
  readonly body: Readonly<Record<string, unknown>>;
}

export interface TestTrigger {
  readonly id: string;
  readonly secret: string;
  /** A string goes as it is, everything else as JSON. */
  post(body: unknown, headers?: Readonly<Record<string, string>>): Promise<Answer>;
  change(command: TriggerCommand): Promise<void>;
}

export interface TestIngress {
  readonly store: Store;
  readonly secrets: Secrets;
  readonly databaseUrl: string;
  readonly server: FastifyInstance;
  /** Every line that was logged. */
  readonly logged: string[];
  trigger(options?: TriggerOptions): Promise<TestTrigger>;
  post(secret: string, body: unknown, headers?: Readonly<Record<string, string>>): Promise<Answer>;
  rows(sql: string, values?: readonly unknown[]): Promise<Record<string, unknown>[]>;
  close(): Promise<void>;
}

export interface TriggerOptions {
  readonly webhookEnabled?: boolean;
  readonly vendor?: string;
  readonly signingSecret?: string;
  /** Enabled bindings; one unless told. */
  readonly bindings?: number;
}

/** The ingress over a database of its own; nothing reads what it records. */
export async function startIngress(): Promise<TestIngress> {
  const database = await createDatabase();
  const logged: string[] = [];
  const destination = new Writable({
    write: (chunk: Buffer, _encoding, done) => (logged.push(chunk.toString()), done()),
  });
  const masterKey = randomBytes(32).toString('hex');
  const { store, secrets, stop } = await openStore({
    databaseUrl: database.url,
    dataDir: '/nonexistent',
    masterKey,
    mayPrepare: true,
    applicationName: 'test',
    onError: () => undefined,
  });
  const logger = createLogger({ app: 'webhook-ingress', level: 'trace', destination });
  const server = createIngress({
    store,
    secrets,
    logger,
    health: createHealth(),
    metrics: createMetrics('webhook-ingress'),
  });
  const post: TestIngress['post'] = async (secret, body, headers = {}) => {
    const payload = Buffer.isBuffer(body) || typeof body === 'string' ? body : JSON.stringify(body);
    const answer = await server.inject({
      method: 'POST',
      url: `/api/webhook/triggers/${secret}`,
      payload,
      headers: { 'content-type': 'application/json', ...headers },
    });
    return { status: answer.statusCode, headers: answer.headers, body: answer.json() };
  };
  return {
    store,
    secrets,
    databaseUrl: database.url,
    server,
    logged,
    post,
    trigger: async (options) => {
      const made = await createTrigger(store, secrets, options);
      return {
        ...made,
        post: (body, headers) => post(made.secret, body, headers),
        change: async (command) => void (await store.commit([on(trigger, made.id, command)], CAUSE)),
      };
    },
    rows: async (sql, values = []) => (await store.pool.query<Record<string, unknown>>(sql, [...values])).rows,
    async close() {
      await server.close();
      await stop();
      await database.drop();
    },
  };
}

async function createTrigger(
  store: Store,
  secrets: Secrets,
  { webhookEnabled = true, vendor, signingSecret, bindings = 1 }: TriggerOptions = {},
) {
  const id = uuidv7();
  const secret = randomBytes(32).toString('base64url');
  const url = urlSecret(secrets, secret);
  const signing = signingSecret === undefined ? null : secrets.seal(signingSecret);
  const settings = {
    name: id,
    config: {},
    webhookEnabled,
    vendor: vendor ?? null,
    signingSecret: signing?.ref ?? null,
  };
  const command = { type: 'CreateTrigger', id, kind: 'registry', urlSecret: url.urlSecret, settings } as const;
  await store.commit([onNew(trigger, id, command)], {
    ...CAUSE,
    extra: [url.statement, ...(signing ? [signing.statement] : [])],
  });
  for (let index = 0; index < bindings; index += 1) await bind(store, id);
  return { id, secret };
}

export function urlSecret(secrets: Secrets, secret: string) {
  const { ref, statement } = secrets.seal(secret);
  return { urlSecret: { hash: createHash('sha256').update(secret).digest('hex'), ref }, statement };
}

export async function bind(store: Store, triggerId: string): Promise<string> {
  const workload = await createWorkload(store, { config: { image: 'depot.test/crate' } });
  const id = uuidv7();
  const command = {
    type: 'CreateBinding',
    id,
    triggerId,
    workloadId: workload.id,
    override: {},
    enabled: true,
  } as const;
  await store.commit([onNew(binding, id, command)], CAUSE);
  return id;
}

export async function setBindingEnabled(store: Store, bindingId: string, enabled: boolean): Promise<void> {
  await store.commit([on(binding, bindingId, { type: 'ChangeBinding', enabled })], CAUSE);
}

export const hmac = (secret: string, body: string) =>
  `sha256=${createHmac('sha256', secret).update(body).digest('hex')}`;

/** What a GitHub repository sends; every call is a new delivery. */
export function githubPush(id: string = uuidv7()) {
  const body = {
    ref: 'refs/heads/main',
    before: '1'.repeat(40),
    after: '2'.repeat(40),
    repository: { full_name: 'harbour/lighthouse' },
    pusher: { name: 'keeper' },
    head_commit: { id: '2'.repeat(40), message: `Trim the wick ${id}` },
    commits: [],
  };
  return { body, headers: { 'x-github-event': 'push', 'x-github-delivery': id } };
}

/** What a registry sends: an envelope of pushes, each with an id of its own. */
export function envelope(...ids: readonly (string | null)[]) {
  const events = ids.map((id) => ({
    ...(id === null ? {} : { id }),
    action: 'push',
    target: {
      mediaType: 'application/vnd.oci.image.index.v1+json',
      repository: 'depot/crate',
      digest: DIGEST,
      url: 'https://depot.test/v2/x',
      tag: `tag-${id ?? 'x'}`,
    },
    request: { host: 'depot.test' },
  }));
  return { body: { events }, headers: { 'content-type': 'application/vnd.docker.distribution.events.v2+json' } };
}
