import type { HttpAnswer, HttpOptions } from '#plugins/http';
import type { Face, Facts, Plan, RegistryAccess, Step, StepIo } from '#plugins/source';
import { resolveVolume } from '#plugins/volumes/resolve-volume';
import { FakeDocker } from './fake-docker.js';
import { stepSurroundings } from './step-surroundings.js';

/** Everything a step may touch, in memory; sleeping moves the clock. */
export interface FakeWorld {
  readonly io: StepIo;
  readonly docker: FakeDocker;
  /** `<container name> <container port>` → host port. */
  readonly ports: Map<string, number>;
  /** The route's ports now, and each that were before. */
  readonly route: {
    current: readonly number[] | null;
    readonly history: (readonly number[])[];
    readonly ready: { faces: readonly Face[]; total: number }[];
  };
  readonly log: { line: string; stream: string }[];
  readonly registries: Map<string, RegistryAccess>;
  /** `HEAD https://…` → answer. */
  readonly http: Map<string, HttpAnswer>;
  readonly requests: { readonly url: string; readonly options: HttpOptions }[];
  readonly abort: AbortController;
  now: number;
}

export function fakeWorld(): FakeWorld {
  const abort = new AbortController();
  const world = {
    now: Date.parse('2030-01-01T00:00:00Z'),
    ports: new Map(),
    route: { current: null, history: [], ready: [] },
    log: [],
    registries: new Map(),
    http: new Map(),
    requests: [],
    abort,
  } as Partial<FakeWorld> as FakeWorld;
  const docker = new FakeDocker(() => world.now);
  return Object.assign(world, { docker, io: ioOf(world, docker) });
}

function ioOf(world: FakeWorld, docker: FakeDocker): StepIo {
  return {
    ...stepSurroundings().io,
    docker,
    epoch: 7,
    installation: 'here',
    signal: world.abort.signal,
    http: {
      request: async (url, options = {}) => {
        world.requests.push({ url, options });
        const answer = world.http.get(`${options.method ?? 'GET'} ${url}`);
        if (!answer)
          throw Object.assign(new Error('no route'), { cause: Object.assign(new Error(), { code: 'ECONNREFUSED' }) });
        return answer;
      },
      stream: async () => {
        throw new Error('no stream here');
      },
    },
    registry: async (host) => world.registries.get(host) ?? { host, insecure: false, credential: null },
    port: async (name, port) => {
      const key = `${name} ${port}`;
      if (!world.ports.has(key)) world.ports.set(key, 20_000 + world.ports.size);
      return world.ports.get(key)!;
    },
    releasePorts: async (name) => {
      for (const key of world.ports.keys()) if (key.startsWith(`${name} `)) world.ports.delete(key);
    },
    refusePorts: async (name) => {
      for (const [key, port] of [...world.ports].filter(([held]) => held.startsWith(`${name} `))) {
        world.ports.delete(key);
        world.ports.set(`stranger-${port} 0`, port);
      }
    },
    networks: {
      join: async (name) => {
        await docker.ensureNetwork({ name: `private-${name}`, labels: {}, interContainer: true });
        return `private-${name}`;
      },
      tidy: async () => {},
    },
    probe: async (hostPort) => {
      const status = docker.answer(hostPort);
      return status === null ? { error: 'ECONNREFUSED' } : { status };
    },
    route: {
      current: async () => world.route.current,
      ready: async (faces, total) => void world.route.ready.push({ faces, total }),
      switchTo: async (ports) => {
        world.route.current = ports;
        world.route.history.push(ports);
      },
    },
    volumes: {
      prepare: async ({ volumes = [], ...release }) =>
        volumes.map((volume) => {
          const resolved = resolveVolume(volume, { ...release, base: '/srv' })!;
          if (resolved.kind === 'memory') return { type: 'tmpfs', target: resolved.target };
          const { target, readOnly } = resolved;
          return resolved.kind === 'named'
            ? { type: 'volume', source: resolved.name, target, readOnly }
            : { type: 'bind', source: resolved.path, target, readOnly };
        }),
    },
    logged: async () => {
      const of = (wanted: string) => world.log.filter(({ stream }) => stream === wanted).length;
      return { stdout: of('stdout'), stderr: of('stderr') };
    },
    log: (line, stream = 'stdout') => void world.log.push({ line, stream }),
    clock: {
      now: () => world.now,
      sleep: async (ms) => {
        world.now += ms;
      },
    },
  };
}

/** Runs a plan as a worker would: facts add up; a failure before the commit step undoes what was begun, last first. */
export async function runPlan(io: StepIo, plan: Plan): Promise<Facts> {
  let facts: Facts = {};
  const begun: Step[] = [];
  let isCommitted = false;
  for (const step of plan.steps) {
    begun.unshift(step);
    try {
      facts = { ...facts, ...(await step.run(io, facts)) };
    } catch (error) {
      if (!isCommitted) for (const each of begun) await each.undo?.(io, facts);
      throw error;
    }
    isCommitted ||= step.commit === true;
  }
  return facts;
}
