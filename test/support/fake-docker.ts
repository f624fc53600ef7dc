import type {
  BuildOptions,
  Container,
  ContainerEvent,
  ContainerSpec,
  ContainerSummary,
  Docker,
  FollowRecords,
  DockerVolume,
  Image,
  LogLine,
  NetworkSpec,
  PullOptions,
  WatchOptions,
} from '#docker/docker';
import { RetryableError, TerminalError } from '#domain/errors';

/** What a container of an image does once it runs; times in milliseconds since its start. */
export interface Program {
  /** Answers its port with this status from then on; null = silent. */
  readonly serves?: (uptime: number) => number | null;
  readonly exits?: { readonly after: number; readonly code: number; readonly outOfMemory?: boolean };
  readonly health?: (uptime: number) => Container['health'];
  readonly logs?: readonly LogLine[];
}

interface Row {
  readonly id: string;
  readonly spec: ContainerSpec;
  startedAt: number | null;
  stopped: boolean;
}

/** An engine in memory, as tables that a test fills and reads. Time is the caller's. */
export class FakeDocker implements Docker {
  readonly images = new Map<string, Image>();
  /** What a pull finds. */
  readonly remote = new Map<string, Image>();
  /** By image id. */
  readonly programs = new Map<string, Program>();
  readonly containers = new Map<string, Row>();
  readonly networks = new Map<string, NetworkSpec>();
  readonly volumes = new Map<string, DockerVolume>();
  /** One line per call that changes something: `stop tf-shop… 30`. */
  readonly journal: string[] = [];
  /** Thrown by the next call of that name, once each. */
  readonly failures = new Map<string, Error[]>();
  readonly pulls: PullOptions[] = [];
  readonly builds: { readonly tag: string; readonly context: Buffer }[] = [];
  /** What a container of a built image does. */
  built: Program = {};
  /** Bytes by volume. */
  readonly sizes = new Map<string, number>();
  arch = 'amd64';
  /** Who follows the events now; a test tells them what happened. */
  readonly watchers = new Set<WatchOptions>();
  #next = 1;

  constructor(private readonly now: () => number) {}

  /** Puts an image on the host under each of these names. */
  addImage(image: Image, names: readonly string[], program: Program = {}): void {
    for (const name of [image.id, ...names]) this.images.set(name, image);
    this.programs.set(image.id, program);
  }

  /** The status a container answers on this host port; null = nothing listens. */
  answer(hostPort: number): number | null {
    const row = [...this.containers.values()].find(
      ({ spec, ...state }) =>
        isUp(this.shapeOf({ spec, ...state })) && spec.ports.some(({ host }) => host === hostPort),
    );
    return row ? (this.programOf(row).serves?.(this.uptimeOf(row)) ?? null) : null;
  }

  async ping() {
    this.#fail('ping');
    return { version: '20.10', apiVersion: '1.41', os: 'linux', arch: this.arch };
  }

  async inspectImage(reference: string) {
    this.#fail('inspectImage');
    return this.images.get(reference) ?? null;
  }

  async pull(reference: string, options: PullOptions) {
    this.journal.push(`pull ${reference}`);
    this.pulls.push(options);
    this.#fail('pull');
    const image = this.remote.get(reference);
    if (!image) throw new TerminalError('no-such-image', `${reference} is not in the registry.`);
    options.progress('Pull complete');
    this.images.set(reference, image).set(image.id, image);
    return image;
  }

  /** Whatever is in the context; `builds` keeps it. */
  async build({ context, tag, labels, progress }: BuildOptions) {
    this.journal.push(`build ${tag}`);
    this.#fail('build');
    const chunks: Uint8Array[] = [];
    for await (const chunk of context) chunks.push(chunk);
    this.builds.push({ tag, context: Buffer.concat(chunks) });
    progress('Successfully built');
    const id = `sha256:${String(this.builds.length).padStart(64, '0')}`;
    const image: Image = {
      id,
      repoDigests: [],
      os: 'linux',
      architecture: this.arch,
      hasHealthcheck: false,
      createdAt: null,
      labels,
    };
    this.addImage(image, [tag], this.built);
    return image;
  }

  async volumeSizes() {
    this.#fail('volumeSizes');
    return this.sizes;
  }

  async createContainer(spec: ContainerSpec) {
    this.#fail('createContainer');
    const holder = this.#find(spec.name);
    if (holder) return adopt(holder, spec);
    if (!this.images.has(spec.image)) throw new TerminalError('no-such-image', `${spec.image} is not on the host.`);
    if (!this.networks.has(spec.network))
      throw new TerminalError('docker-rejected', `network ${spec.network} not found`);
    const id = `c${this.#next++}`;
    this.journal.push(`create ${spec.name}`);
    this.containers.set(id, { id, spec, startedAt: null, stopped: false });
    return { id };
  }

  async startContainer(id: string) {
    this.#fail('startContainer');
    const row = this.#find(id);
    if (!row) throw new TerminalError('docker-rejected', `No such container: ${id}`);
    if (this.shapeOf(row).running) return;
    this.journal.push(`start ${row.spec.name}`);
    Object.assign(row, { startedAt: this.now(), stopped: false });
  }

  async stopContainer(id: string, timeoutSeconds: number) {
    this.#fail('stopContainer');
    const row = this.#find(id);
    if (!row || row.stopped || row.startedAt === null) return;
    this.journal.push(`stop ${row.spec.name} ${timeoutSeconds}`);
    row.stopped = true;
  }

  async removeContainer(id: string) {
    this.#fail('removeContainer');
    const row = this.#find(id);
    if (!row) return;
    this.journal.push(`remove ${row.spec.name}`);
    this.containers.delete(row.id);
  }

  async inspectContainer(id: string) {
    this.#fail('inspectContainer');
    const row = this.#find(id);
    return row ? this.shapeOf(row) : null;
  }

  async listContainers(labels: readonly string[]): Promise<readonly ContainerSummary[]> {
    this.#fail('listContainers');
    const wanted = labels.map((label) => label.split('=') as [string, string?]);
    const all = [...this.containers.values()].map((row) => this.shapeOf(row));
    return all.filter(({ labels: own }) =>
      wanted.every(([key, value]) => (value === undefined ? key in own : own[key] === value)),
    );
  }

  watchContainers(options: WatchOptions): Promise<void> {
    this.watchers.add(options);
    options.onOpen();
    return new Promise((resolve) => {
      const end = () => {
        this.watchers.delete(options);
        resolve();
      };
      options.signal.addEventListener('abort', end, { once: true });
    });
  }

  emit(event: ContainerEvent): void {
    for (const { onEvent } of this.watchers) onEvent(event);
  }

  async tailLogs(id: string, lines: number) {
    const row = this.#find(id);
    return row ? (this.programOf(row).logs ?? []).slice(-lines) : [];
  }

  async followLogs(id: string, onLine: (line: LogLine) => void) {
    this.#fail('followLogs');
    const row = this.#find(id);
    if (row) (this.programOf(row).logs ?? []).forEach(onLine);
  }

  async followRecords(id: string, { onRecords }: FollowRecords) {
    this.#fail('followRecords');
    const row = this.#find(id);
    const at = (index: number) => `2026-03-01T12:00:00.${String(index).padStart(9, '0')}Z`;
    const logs = row ? (this.programOf(row).logs ?? []) : [];
    const records = logs.map(({ stream, line }, index) => ({
      stream,
      at: at(index),
      bytes: Buffer.from(line),
      isWhole: true,
    }));
    if (records.length > 0) await onRecords(records);
  }

  async inspectVolume(name: string) {
    return this.volumes.get(name) ?? null;
  }

  async createVolume({ name, labels }: Pick<DockerVolume, 'name' | 'labels'>) {
    const volume = this.volumes.get(name) ?? { name, labels, driver: 'local', options: {} };
    this.volumes.set(name, volume);
    return volume;
  }

  async removeVolume(name: string) {
    const isUsed = [...this.containers.values()].some(({ spec }) =>
      spec.mounts?.some((mount) => mount.type === 'volume' && mount.source === name),
    );
    if (isUsed) throw new TerminalError('volume-in-use', `A container still has the volume ${name}.`, 'operator');
    this.volumes.delete(name);
  }

  async ensureNetwork(spec: NetworkSpec) {
    this.#fail('ensureNetwork');
    if (!this.networks.has(spec.name)) this.networks.set(spec.name, spec);
  }

  async listNetworks(labels: readonly string[]) {
    const carries = (own: Readonly<Record<string, string>>) =>
      labels.every((label) => {
        const [key = '', value] = label.split('=');
        return value === undefined ? key in own : own[key] === value;
      });
    return [...this.networks.values()].filter((spec) => carries(spec.labels)).map(({ name }) => name);
  }

  async removeNetwork(name: string) {
    const isUsed = [...this.containers.values()].some(({ spec }) => spec.network === name);
    if (!isUsed) this.networks.delete(name);
    return !isUsed;
  }

  private shapeOf(row: Omit<Row, 'id'> & { id?: string }): Container {
    const { spec, startedAt, stopped, id = '' } = row;
    const { exits, health } = this.programOf(row);
    const uptime = this.uptimeOf(row);
    const hasExited = startedAt !== null && exits !== undefined && uptime >= exits.after;
    const running = startedAt !== null && !stopped && !hasExited;
    return {
      id,
      name: spec.name,
      image: spec.image,
      labels: spec.labels,
      imageId: this.images.get(spec.image)?.id ?? spec.image,
      createdAt: new Date(startedAt ?? 0).toISOString(),
      state: startedAt === null ? 'created' : running ? 'running' : 'exited',
      running,
      exitCode: hasExited ? exits.code : stopped ? 0 : null,
      oomKilled: hasExited && exits.outOfMemory === true,
      restartCount: 0,
      health: running ? (health?.(uptime) ?? 'none') : 'none',
      startedAt: startedAt === null ? null : new Date(startedAt).toISOString(),
      hostPorts: running ? Object.fromEntries(spec.ports.map(({ container, host }) => [container, host])) : {},
    };
  }

  private programOf({ spec }: Pick<Row, 'spec'>): Program {
    const image = this.images.get(spec.image);
    return (image && this.programs.get(image.id)) ?? {};
  }

  private uptimeOf({ startedAt }: Pick<Row, 'startedAt'>): number {
    return startedAt === null ? 0 : this.now() - startedAt;
  }

  #find(idOrName: string): Row | undefined {
    return this.containers.get(idOrName) ?? [...this.containers.values()].find(({ spec }) => spec.name === idOrName);
  }

  #fail(call: string): void {
    const error = this.failures.get(call)?.shift();
    if (error) throw error;
  }
}

export const dockerDown = (): Error => new RetryableError('docker-unreachable', 'The engine does not answer.');

function isUp({ running }: Container): boolean {
  return running;
}

function adopt({ id, spec: theirs }: Row, ours: ContainerSpec): { id: string } {
  const key = 'tinyforge.deployment.id';
  if (theirs.labels[key] && theirs.labels[key] === ours.labels[key]) return { id };
  throw new TerminalError('container-foreign', `A container named ${ours.name} exists.`, 'operator');
}
