/**
 * The Docker port: all that Tiny Forge asks of an engine. Every call has a deadline, and an optional signal that
 * ends it earlier: the call then rejects with the signal's reason. Errors: {@link RetryableError}
 * (`docker-unreachable`, `docker-timeout`, `docker-failed`, `registry-unreachable`), {@link TerminalError}
 * (`no-such-image`, `wrong-platform`, `registry-denied`, `docker-rejected`; for the operator `disk-full`, `port-taken`,
 * `container-foreign`, `network-foreign`, `volume-in-use`).
 */
export interface Docker {
  /** API version and platform; throws `docker-unreachable`. */
  ping(signal?: AbortSignal): Promise<{ version: string; apiVersion: string; os: string; arch: string }>;
  /** Null when the image is not on the host. `reference`: id, `repo:tag` or `repo@digest`. */
  inspectImage(reference: string, signal?: AbortSignal): Promise<Image | null>;
  /**
   * Pulls and then inspects: success is the image on the host under that digest, never the end of the stream.
   * `progress` gets one line per layer state change. Gives up after 60 s without progress.
   */
  pull(reference: string, options: PullOptions): Promise<Image>;
  /**
   * Builds without asking a registry for anything newer, and then inspects: success is the image on the host under that
   * tag with those labels, never the end of the stream. Gives up after 60 s without a line or a byte.
   */
  build(options: BuildOptions): Promise<Image>;
  /** Idempotent: a container of that name with the same `tinyforge.deployment.id` is adopted, another is `container-foreign`. */
  createContainer(spec: ContainerSpec, signal?: AbortSignal): Promise<{ id: string }>;
  /** Already running is success. */
  startContainer(id: string, signal?: AbortSignal): Promise<void>;
  /** SIGTERM, then SIGKILL after the seconds given; stopped or absent is success. */
  stopContainer(id: string, timeoutSeconds: number, signal?: AbortSignal): Promise<void>;
  /** Forced; anonymous volumes stay; absent is success. */
  removeContainer(id: string, signal?: AbortSignal): Promise<void>;
  /** Null when absent. By id or name. */
  inspectContainer(id: string, signal?: AbortSignal): Promise<Container | null>;
  /** Those that carry every label given (`key` or `key=value`), stopped ones too. */
  listContainers(labels: readonly string[], signal?: AbortSignal): Promise<readonly ContainerSummary[]>;
  /**
   * Follows what happens to containers until the signal; connects again, from the last event on, when the stream ends.
   * An event may come twice, and one from a time without a connection may be lost: look at everything in `onOpen`.
   */
  watchContainers(options: WatchOptions): Promise<void>;
  /** Last lines of stdout and stderr, oldest first, at most 64 KiB. */
  tailLogs(id: string, lines: number, signal?: AbortSignal): Promise<readonly LogLine[]>;
  /**
   * Every line from the container's first on, as they come, until it ends or the signal. Ends early when the engine
   * lets go of the connection: look whether the container still runs.
   */
  followLogs(id: string, onLine: (line: LogLine) => void, signal?: AbortSignal): Promise<void>;
  /**
   * The same with the engine's instants, from one of them on: what has that very instant comes again. `onRecords` is
   * awaited before more is read.
   */
  followRecords(id: string, options: FollowRecords): Promise<void>;
  /** Null when absent. */
  inspectVolume(name: string, signal?: AbortSignal): Promise<DockerVolume | null>;
  /** One of that name stays what it is, labels too: the answer says what that is. */
  createVolume(spec: Pick<DockerVolume, 'name' | 'labels'>, signal?: AbortSignal): Promise<DockerVolume>;
  /** With its data. Absent is success; `volume-in-use` while a container has it, stopped ones too. */
  removeVolume(name: string, signal?: AbortSignal): Promise<void>;
  /** Bytes of every volume whose size the engine knows, by name. Slow: it counts. */
  volumeSizes(signal?: AbortSignal): Promise<ReadonlyMap<string, number>>;
  /** Creates it when absent; a network of that name without our label is `network-foreign`. */
  ensureNetwork(spec: NetworkSpec, signal?: AbortSignal): Promise<void>;
  /** Names of those that carry every label given. */
  listNetworks(labels: readonly string[], signal?: AbortSignal): Promise<readonly string[]>;
  /** False when containers are on it; absent is success. */
  removeNetwork(name: string, signal?: AbortSignal): Promise<boolean>;
}

export interface Image {
  readonly id: string;
  /** `repo@sha256:…` for each registry it came from. */
  readonly repoDigests: readonly string[];
  readonly os: string;
  readonly architecture: string;
  readonly hasHealthcheck: boolean;
  readonly createdAt: string | null;
  /** Names of the variables that the image itself sets. */
  readonly envKeys?: readonly string[];
  readonly labels?: Readonly<Record<string, string>>;
}

export interface BuildOptions {
  /** A tar with a `Dockerfile` at its root. */
  readonly context: AsyncIterable<Uint8Array>;
  /** `repo:tag`. */
  readonly tag: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly progress: (line: string) => void;
  readonly signal?: AbortSignal;
}

export interface PullOptions {
  readonly credential: { readonly username: string; readonly password: string; readonly serverAddress: string } | null;
  readonly platform: string | null;
  readonly progress: (line: string) => void;
  readonly signal?: AbortSignal;
}

export interface ContainerSpec {
  readonly name: string;
  /** Image id or `repo@digest`. */
  readonly image: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly env: Readonly<Record<string, string>>;
  /** Argv; null keeps the image's. */
  readonly command: readonly string[] | null;
  /** Container port → host port on 127.0.0.1. */
  readonly ports: readonly { readonly container: number; readonly host: number }[];
  /** Cores. */
  readonly cpuLimit: number | null;
  /** MiB. */
  readonly memoryLimit: number | null;
  readonly network: string;
  /** Another name that the network knows it by. */
  readonly alias?: string;
  readonly restart: 'no' | 'unless-stopped';
  /** None unless told. */
  readonly mounts?: readonly Mount[];
}

export type Mount =
  /** `source`: an absolute path on the host, which has to be there. */
  | { readonly type: 'bind'; readonly source: string; readonly target: string; readonly readOnly: boolean }
  /** `source`: the name of a Docker volume. */
  | { readonly type: 'volume'; readonly source: string; readonly target: string; readonly readOnly: boolean }
  | { readonly type: 'tmpfs'; readonly target: string };

export interface DockerVolume {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  /** `local` with `{}` is plain storage; options may make it a window on the host. */
  readonly driver: string;
  readonly options: Readonly<Record<string, string>>;
}

export interface Container extends ContainerSummary {
  readonly oomKilled: boolean;
  readonly restartCount: number;
  readonly startedAt: string | null;
  /** Container port → host port on loopback, as published now. */
  readonly hostPorts: Readonly<Record<number, number>>;
}

export interface ContainerSummary {
  readonly id: string;
  readonly name: string;
  readonly image: string;
  readonly state: 'created' | 'running' | 'paused' | 'restarting' | 'removing' | 'exited' | 'dead';
  readonly labels: Readonly<Record<string, string>>;
  readonly imageId: string;
  readonly running: boolean;
  /** Of its last end; null while it runs and when it never did. */
  readonly exitCode: number | null;
  /** Docker's HEALTHCHECK; `none` when the image has none. */
  readonly health: 'none' | 'starting' | 'healthy' | 'unhealthy';
  /** ISO 8601. */
  readonly createdAt: string;
}

export interface WatchOptions {
  /** As for a list. */
  readonly labels: readonly string[];
  readonly signal: AbortSignal;
  onEvent(event: ContainerEvent): void;
  /** With every connection, the first one too. */
  onOpen(): void;
  onLost(error: unknown): void;
}

export interface ContainerEvent {
  /** `die`, `start`, `destroy`, `health_status: unhealthy` … */
  readonly action: string;
  readonly id: string;
  /** Its labels, and what the engine says besides. */
  readonly labels: Readonly<Record<string, string>>;
  /** Of a `die`. */
  readonly exitCode: number | null;
}

export interface FollowRecords {
  /** {@link LogRecord.at} of an earlier record; null = from the first on. */
  readonly since: string | null;
  /** Only so many of those that are there already; null = all. */
  readonly tail: number | null;
  readonly onRecords: (records: readonly LogRecord[]) => Promise<void> | void;
  readonly signal: AbortSignal;
}

/** What a program wrote at once: a line, or a part of one. */
export interface LogRecord {
  readonly stream: 'stdout' | 'stderr';
  /** RFC 3339 with nine digits after the second: equal length, so that text order is order. */
  readonly at: string;
  /** Without the line feed. */
  readonly bytes: Buffer;
  /** False: its line goes on in the next record of this stream. */
  readonly isWhole: boolean;
}

export interface LogLine {
  readonly stream: 'stdout' | 'stderr';
  readonly line: string;
}

export interface NetworkSpec {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  /** Containers on it reach each other. */
  readonly interContainer: boolean;
  /** Its addresses; left out: the engine's choice. One that overlaps another network is `subnet-taken`. */
  readonly subnet?: string;
}
