import type { IncomingMessage, ServerResponse } from 'node:http';
import { pause, succeeds } from '../deploys.js';
import { expectThat, type Fault } from '../fault.js';

/** The engine's requests alone: the platform has its own say about what it resolves. */
const isEngine = ({ headers }: IncomingMessage) => (headers['user-agent'] ?? '').startsWith('docker/');

function answering(status: number, headers: Readonly<Record<string, string>> = {}) {
  return (incoming: IncomingMessage, answer: ServerResponse): boolean => {
    if (!isEngine(incoming) || !/\/(manifests|blobs)\//.test(incoming.url ?? '')) return false;
    answer.writeHead(status, { 'content-type': 'application/json', ...headers });
    answer.end(JSON.stringify({ errors: [{ code: CODES[status], message: 'injected' }] }));
    return true;
  };
}

const CODES: Readonly<Record<number, string>> = {
  404: 'MANIFEST_UNKNOWN',
  429: 'TOOMANYREQUESTS',
  503: 'UNAVAILABLE',
};
const RATE_LIMIT: Readonly<Record<string, string>> = { 'retry-after': '1' };

const passing: Fault[] = [
  { name: 'the registry limits its rate', status: 429, headers: RATE_LIMIT },
  { name: 'the registry is out of order', status: 503, headers: {} },
].map(({ name, status, headers }) => ({
  name,
  rows: [35],
  isAlone: true,
  async run({ world, workload, random }) {
    const tag = await world.images.fresh();
    world.registry.interfere = answering(status, headers);
    const id = await world.deploy(workload, tag);
    await pause(random.between(300, 1_500));
    world.registry.interfere = null;
    await succeeds(world, id, 90_000);
  },
}));

const gone: Fault = {
  name: 'the registry has lost the image',
  rows: [36],
  isAlone: true,
  async run({ world, workload }) {
    const tag = await world.images.fresh();
    world.registry.interfere = answering(404);
    const { status, error } = await world.ended(await world.deploy(workload, tag));
    world.registry.interfere = null;
    expectThat(status === 'failed' && error.step === 'pull', `it ended as ${status}: ${JSON.stringify(error)}`);
    expectThat(error.attempt === 1, `it was tried ${error.attempt} times`);
  },
};

/** An error line inside an answer of 200. */
const truncated: Fault = {
  name: 'the registry cuts a layer off',
  rows: [37, 38],
  isAlone: true,
  async run({ world, workload, random }) {
    const tag = await world.images.fresh();
    world.registry.truncateBlobsAt = random.between(1, 2_000);
    const id = await world.deploy(workload, tag);
    await pause(random.between(500, 2_500));
    world.registry.truncateBlobsAt = null;
    await succeeds(world, id, 120_000);
  },
};

export const registries: readonly Fault[] = [...passing, gone, truncated];
