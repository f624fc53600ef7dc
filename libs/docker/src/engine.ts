import { Agent } from 'node:http';
import { inspect } from 'node:util';
import Dockerode from 'dockerode';
import { RetryableError, TerminalError } from '#domain/errors';
import { withDeadline, type Deadline } from './deadline.js';
import { dial } from './dial.js';
import { engineError } from './errors.js';

/** Milliseconds. */
export interface Deadlines {
  /** Calls that only look: ping, inspect, list, logs, networks. */
  readonly look: number;
  /** Calls that change a container: create, start, remove. */
  readonly change: number;
  /** Beyond the seconds a stop gives the container itself. */
  readonly stop: number;
  /** A pull or a build without any movement. */
  readonly silence: number;
  /** Counting what is on the disk. */
  readonly count: number;
}

export const DEFAULT_DEADLINES: Deadlines = {
  look: 15_000,
  change: 60_000,
  stop: 15_000,
  silence: 60_000,
  count: 300_000,
};

export interface Call {
  /** Completes "Docker could not …". */
  readonly what: string;
  readonly milliseconds: number;
  readonly signal?: AbortSignal | undefined;
  /** Its own connection, closed afterwards: a slow call never stands before the short ones. */
  readonly long?: boolean;
}

export interface Version {
  readonly version: string;
  /** The one spoken with the engine. */
  readonly apiVersion: string;
  readonly os: string;
  readonly arch: string;
}

/** One engine: two clients, an API version agreed on, and a deadline around every call. */
export interface Engine {
  readonly deadlines: Deadlines;
  /** Rejects with a {@link TerminalError}, a {@link RetryableError}, the signal's reason, or what `run` threw. */
  call<T>(call: Call, run: (client: Dockerode, deadline: Deadline) => Promise<T>): Promise<T>;
  /** Asks anew. */
  version(signal?: AbortSignal): Promise<Version>;
}

export function connectEngine(host: string, deadlines: Deadlines): Engine {
  const short = client(host, new QuietAgent({ keepAlive: true, maxSockets: 32 }));
  const long = client(host, new QuietAgent({ keepAlive: false }));
  const unversioned = client(host, new QuietAgent({ keepAlive: false }));
  let agreed: Promise<Version> | null = null;

  const version = async (signal?: AbortSignal): Promise<Version> => {
    const what = 'tell its version';
    const limits = { milliseconds: deadlines.look, signal, expired: () => timedOut(what, deadlines.look) };
    const answer = await withDeadline(limits, (deadline) => askVersion(unversioned, deadline)).catch(
      (error: unknown) => {
        throw signal?.aborted ? signal.reason : engineError(error, what);
      },
    );
    for (const each of [short, long]) Object.assign(each.modem, { version: `v${answer.apiVersion}` });
    return answer;
  };
  // Without a caller's signal: the answer is for all who wait on it.
  const agree = () =>
    (agreed ??= version().catch((error: unknown) => {
      agreed = null;
      throw error;
    }));
  const call: Engine['call'] = async ({ what, milliseconds, signal, long: isLong }, run) => {
    try {
      return await withDeadline(
        { milliseconds, signal, expired: () => timedOut(what, milliseconds) },
        async (deadline) => {
          await agree();
          return run(isLong ? long : short, deadline);
        },
      );
    } catch (error) {
      if (signal?.aborted) throw signal.reason;
      const known = engineError(error, what);
      // The engine that comes back may be another version.
      if (known instanceof RetryableError && known.code === 'docker-unreachable') agreed = null;
      throw known;
    }
  };
  return { deadlines, call, version };
}

/** API 1.44, the least that Docker 29 speaks; 1.41 (Docker 20.10) is understood too. */
const SPOKEN_MINOR = 44;

/** Ours where the engine speaks it, else the nearest it does. */
export function agreeOn(least: string | undefined, most: string): string {
  const minor = (version: string) => Number(version.split('.')[1]);
  return `1.${Math.max(Math.min(SPOKEN_MINOR, minor(most)), least ? minor(least) : 0)}`;
}

async function askVersion(docker: Dockerode, { signal }: Deadline): Promise<Version> {
  const answer = await dial(docker, { path: '/version', signal });
  const { Version: version, ApiVersion, MinAPIVersion, Os, Arch } = answer as Record<string, string | undefined>;
  if (!version || !ApiVersion || !Os || !Arch) {
    throw new TerminalError('docker-rejected', 'What answers at DOCKER_HOST is not a Docker engine.', 'operator');
  }
  return { version, apiVersion: agreeOn(MinAPIVersion, ApiVersion), os: Os, arch: Arch };
}

function timedOut(what: string, milliseconds: number): Error {
  const text = `Docker did not ${what} within ${milliseconds / 1000} s. It is overloaded or stuck: see its log.`;
  return new RetryableError('docker-timeout', text);
}

/** Every option is given, undefined too: the library would fill a missing one from DOCKER_HOST and its like. */
function client(host: string, agent: Agent): Dockerode {
  const none = {
    host: undefined,
    port: undefined,
    socketPath: undefined,
    ca: undefined,
    cert: undefined,
    key: undefined,
  };
  const plain = { ...none, protocol: 'http' as const, timeout: undefined, version: undefined, headers: {}, agent };
  if (host.startsWith('unix://')) return new Dockerode({ ...plain, socketPath: host.slice('unix://'.length) });
  const url = /^(tcp|http):\/\//.test(host) ? new URL(host.replace(/^tcp:/, 'http:')) : null;
  if (!url)
    throw new TerminalError(
      'docker-rejected',
      `DOCKER_HOST must be unix:///… or tcp://host:port, not ${host}`,
      'operator',
    );
  return new Dockerode({ ...plain, host: url.hostname, port: url.port || 2375 });
}

/** The client library inspects its request options without limit on each call, sockets of the agent included. */
class QuietAgent extends Agent {
  [inspect.custom](): string {
    return 'Agent';
  }
}
