import { build } from './build.js';
import * as containers from './containers.js';
import type { Docker } from './docker.js';
import { connectEngine, DEFAULT_DEADLINES, type Deadlines } from './engine.js';
import { watchContainers } from './events.js';
import { inspectImage } from './images.js';
import { followRecords } from './log-records.js';
import { followLogs, tailLogs } from './logs.js';
import { ensureNetwork, listNetworks, removeNetwork } from './networks.js';
import { pull } from './pull.js';
import * as volumes from './volumes.js';

export interface DockerOptions {
  /** `unix:///path` or `tcp://host:port`. */
  readonly host: string;
  readonly deadlines?: Partial<Deadlines>;
}

/** The {@link Docker} port over a real engine. Connects at the first call; holds nothing that keeps a process alive. */
export function createDocker({ host, deadlines }: DockerOptions): Docker {
  const engine = connectEngine(host, { ...DEFAULT_DEADLINES, ...deadlines });
  return {
    ping: (signal) => engine.version(signal),
    inspectImage: (reference, signal) => inspectImage(engine, reference, signal),
    pull: (reference, options) => pull(engine, reference, options),
    build: (options) => build(engine, options),
    createContainer: (spec, signal) => containers.createContainer(engine, spec, signal),
    startContainer: (id, signal) => containers.startContainer(engine, id, signal),
    stopContainer: (id, timeoutSeconds, signal) => containers.stopContainer(engine, { id, timeoutSeconds, signal }),
    removeContainer: (id, signal) => containers.removeContainer(engine, id, signal),
    inspectContainer: (id, signal) => containers.inspectContainer(engine, id, signal),
    listContainers: (labels, signal) => containers.listContainers(engine, labels, signal),
    watchContainers: (options) => watchContainers(engine, options),
    tailLogs: (id, lines, signal) => tailLogs(engine, { id, lines, signal }),
    followRecords: (id, options) => followRecords(engine, { id, ...options }),
    followLogs: (id, onLine, signal) => followLogs(engine, { id, onLine, signal }),
    inspectVolume: (name, signal) => volumes.inspectVolume(engine, name, signal),
    createVolume: (spec, signal) => volumes.createVolume(engine, spec, signal),
    removeVolume: (name, signal) => volumes.removeVolume(engine, name, signal),
    volumeSizes: (signal) => volumes.volumeSizes(engine, signal),
    ensureNetwork: (spec, signal) => ensureNetwork(engine, spec, signal),
    listNetworks: (labels, signal) => listNetworks(engine, labels, signal),
    removeNetwork: (name, signal) => removeNetwork(engine, name, signal),
  };
}
