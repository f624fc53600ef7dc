import type { Face } from '#domain/face';
import type { SecretRef } from '#domain/secret-ref';
import type { Settings } from '#domain/settings';
import type { Volume } from '#domain/volume';
import type { ContainerSummary, Docker, Mount } from '#docker/docker';
import type { ComposeIo } from './compose-io.js';
import type { ConfigClass } from './config.js';
import type { FilesIo, MemoIo } from './files.js';
import type { Http } from './http.js';
import type { Wish } from './inbound.js';
import type { Access, Tls } from './routing/access.js';
import type { OwnSubject } from './trigger.js';

/** What a wish points at before the outside world was asked; equal keys are resolved once. */
export interface Ref {
  readonly kind: string;
  readonly key: string;
  readonly host: string;
  readonly repository: string;
  readonly tag: string | null;
  readonly digest: string | null;
  readonly registryName: string | null;
  /** False when the artifact lives on the host alone and cannot be asked of a registry. */
  readonly remote: boolean;
  /** Of a source that deploys commits. */
  readonly git?: GitRef;
}

/** A commit, or the branch or tag whose newest is meant. */
export interface GitRef {
  readonly provider: string;
  /** Of its web pages; the API's address follows from it. */
  readonly baseUrl: string;
  readonly sha: string | null;
  readonly branch: string | null;
  readonly tag: string | null;
  readonly token: SecretRef | null;
}

/** "Not for this workload", with the reason that the inbox shows. */
export interface Skip {
  readonly skip: string;
  readonly reason: string;
}

/** What runs: pinned. `digest` null only for a local image, which is pinned by its id at the first step. */
export interface Artifact {
  readonly kind: string;
  /** `host/repository`. */
  readonly repository: string;
  readonly tag: string | null;
  readonly digest: string | null;
  /** Id of an image that only the host has: pins what is brought back without a digest. */
  readonly localId?: string;
  /** Of a source that deploys commits: the commit, whole. */
  readonly sha?: string;
  /**
   * Of a source with several images: `host/repository[:tag]` → what the engine is told. Of an event the one that it
   * names; all of them once they ran.
   */
  readonly images?: Readonly<Record<string, string>>;
}

/** A source looks at the port of a face alone; null = its own. */
export type { Face };

/** Artifact + rendered config + env + faces: what a deployment brings up, and a rollback brings back. */
export interface Release<C extends object = object> {
  readonly workloadId: string;
  readonly workloadName: string;
  readonly deploymentId: string;
  readonly artifact: Artifact;
  readonly config: C;
  readonly faces: readonly Face[];
  readonly env: Readonly<Record<string, string>>;
  /** Left out = none. */
  readonly volumes?: readonly Volume[];
}

/** `routed-only`: no request through the proxy is lost, others may be. `recreate`: the old one goes before the new one comes. */
export type DowntimeClass = 'none' | 'routed-only' | 'recreate';
export interface Plan {
  readonly steps: readonly Step[];
  /** `reasons`: why it is of that class, and what else to know before; whole sentences. */
  readonly downtime: { readonly class: DowntimeClass; readonly reasons: readonly string[] };
}

/** JSON gathered from the completed steps of one deployment; never a secret. */
export type Facts = Readonly<Record<string, unknown>>;

/** Safe to run twice. Exactly one step of a plan is the commit step: the switch. */
export interface Step {
  readonly name: string;
  readonly instance?: number;
  readonly commit?: true;
  /** Returns the facts to add. */
  run(io: StepIo, facts: Facts): Promise<Facts>;
  /** Runs before the commit step only, in reverse order; never touches volumes. Safe on a step that never ran. */
  undo?(io: StepIo, facts: Facts): Promise<void>;
}

export interface RegistryCredential {
  readonly username: string;
  readonly password: string;
}

/** How to reach a registry: `insecure` = plain http, and a private or loopback host is fine. */
export interface RegistryAccess {
  readonly host: string;
  readonly insecure: boolean;
  readonly credential: RegistryCredential | null;
  /** A record names this host: a private address is fine. Left out: only when `insecure` or with a credential. */
  readonly named?: boolean;
}

export interface ResolveIo {
  readonly http: Http;
  /** By the record's name, else by host; a host without a record is reached anonymously over https. */
  registry(host: string, name: string | null): Promise<RegistryAccess>;
  /** The value of a secret that a config names. Throws {@link TerminalError} `secret-gone`, `secret-unreadable`. */
  secret(ref: SecretRef): Promise<string>;
  settings(): Promise<SourceSettings>;
  readonly signal: AbortSignal;
}

export type SourceSettings = Pick<Settings, 'baseImages' | 'allowedProviderHosts'>;

export interface RouteIo {
  /** Ports that serve now; null when nothing does. */
  current(): Promise<readonly number[] | null>;
  /** Waits until the keeper has rendered this workload's faces (their ports filled in) for that many ports. */
  ready(faces: readonly Face[], ports: number): Promise<void>;
  /** One rename, all faces at once; `[]` = nothing serves. Throws when this worker's picture is stale. */
  switchTo(ports: readonly number[]): Promise<void>;
  /**
   * Waits until the proxy dials what the route file says; left out where it reads the file itself. For steps after
   * the switch: what served before must not go earlier.
   */
  settled?(): Promise<void>;
}

export interface VolumesIo {
  /**
   * Makes what is missing and checks each one against the settings and the host, symbolic links followed. Throws {@link TerminalError} `volume-not-allowed`, `volume-foreign`, `volume-base-missing`.
   */
  prepare(release: Pick<Release, 'workloadId' | 'workloadName' | 'artifact' | 'volumes'>): Promise<readonly Mount[]>;
}

export interface StepIo extends ResolveIo {
  readonly docker: Docker;
  readonly epoch: number;
  /** Goes on whatever is made, as {@link LABELS.installation}. */
  readonly installation: string;
  /** A host port of ours for this container's port, the same one at every call until it is released. */
  port(containerName: string, containerPort: number): Promise<number>;
  releasePorts(containerName: string): Promise<void>;
  /** Another program has one of them: none is drawn again for a while, and the container's next ones are others. */
  refusePorts(containerName: string): Promise<void>;
  readonly networks: {
    /** Docker's name of a private network, which is there afterwards. */
    join(name: string): Promise<string>;
    /** Removes those that no workload uses any more. */
    tidy(): Promise<void>;
  };
  /** One HTTP GET against a loopback port of ours: the status, or why there was none. */
  probe(hostPort: number, path: string, timeoutMs: number): Promise<{ status: number } | { error: string }>;
  readonly route: RouteIo;
  readonly volumes: VolumesIo;
  readonly files: FilesIo;
  readonly memo: MemoIo;
  readonly compose: ComposeIo;
  /** Lines of this step that the deployment log keeps, an earlier holder's too: all written until now are among them. */
  logged(): Promise<{ readonly stdout: number; readonly stderr: number }>;
  /** One line for the deployment log. */
  log(line: string, stream?: 'stdout' | 'stderr' | 'step'): void;
  readonly clock: { now(): number; sleep(ms: number): Promise<void> };
}

export interface Observation {
  readonly state: 'running' | 'degraded' | 'missing';
  readonly detail: string;
}
export interface Upstream {
  readonly port: number | null;
  readonly instances: number;
}
export interface NodeSnapshot {
  readonly containers: readonly ContainerSummary[];
}

export interface Source<C extends object = object> {
  /** Folder and stored string; never renamed. */
  readonly kind: string;
  readonly title: string;
  readonly config: ConfigClass<C>;
  readonly sample: C;
  /** What a trigger means that names no image or repository. */
  own(config: C): OwnSubject;
  /** What stands behind the faces: their port where they name none, and the containers of a release. */
  upstream?(config: C): Upstream;
  /** Rules that one field alone cannot check (a port where there is a face). */
  check?(config: C, faces: readonly Face[]): readonly { pointer: string; detail: string }[];
  /** A name that no other workload of its node may have, in words: `compose project shop`. */
  claim?(config: C, workload: { readonly id: string; readonly name: string }): string;
  /** Fields of the config that admins alone change. */
  readonly adminFields?: readonly string[];
  /** True: what an artifact stands for is found out on the node, so that equal ones may bring up something else. */
  readonly pinsOnNode?: true;
  /** True: `plan` is given the previous release with its variables, so that an undo can bring it back whole. */
  readonly restoresPrevious?: true;
  /** Pure. */
  reference(wish: Wish, config: C): Ref | Skip;
  resolve(ref: Ref, io: ResolveIo): Promise<Artifact>;
  /** Pure. */
  plan(release: Release<C>, previous: Release<C> | null): Plan;
  /**
   * True: a release that is the same as what serves is not deployed again unless it is forced; `skipped` is told so.
   */
  readonly skipsUnchanged?: true;
  skipped?(release: Release<C>, io: StepIo): Promise<void>;
  /** A deployment of it failed, for good, and is undone. `message` is fit to be stored. */
  failed?(release: Release<C>, failure: { readonly code: string; readonly message: string }, io: StepIo): Promise<void>;
  /** A volume whose size has a limit; null = none. Its `storage_bytes` and `storage_over` come to the memo of `role`. */
  storage?(release: Release<C>): { readonly volume: string; readonly limitMb: number; readonly role: string } | null;
  /** Pure: one Docker list per node and tick feeds all. */
  observe(release: Release<C>, snapshot: NodeSnapshot): Observation;
  /** Takes what serves out of service and keeps it, the route first. Left out: it cannot be stopped. */
  stop?(release: Release<C>): readonly Step[];
  /**
   * Brings what was stopped back, the route last, by the facts of its deployment. Undone when a step fails. Throws
   * {@link TerminalError} `not-startable` where it has to be deployed again instead.
   */
  start?(release: Release<C>): readonly Step[];
  /** Idempotent, also on what was never deployed. */
  teardown(workload: { readonly workloadId: string; readonly workloadName: string }): readonly Step[];
}

export interface Route {
  readonly workloadId: string;
  readonly host: string;
  readonly path: string;
  /** One for each shape that the route file may have; the first that fits it counts. */
  readonly groups: readonly PortGroup[];
  /** Left out: plain http. */
  readonly tls?: Tls;
  /** Name of the route file as it is, for a proxy that does not read it itself. */
  readonly file?: string | null;
}

/** Which ports of a route file belong to a face (container ports ascending, then instances). */
export interface PortGroup {
  /** Ports in the whole file. */
  readonly total: number;
  readonly first: number;
  /** 0 = nothing stands behind the face. */
  readonly count: number;
  /** For the file of this very name only; null = for every file with that many ports. */
  readonly file: string | null;
  /** Who may come in while these ports serve. Left out: everyone. */
  readonly access?: Access;
}

export interface ProxyIo {
  /** Absolute, outlives the platform. */
  readonly routesDirectory: string;
  readonly httpPort: number;
  readonly httpsPort: number;
  readonly bind: string;
  /** Who issues certificates for `auto`: `internal` = an authority of the proxy's own, else an ACME directory. */
  readonly issuer: string;
  /** JSON request to the proxy's admin endpoint. */
  admin(method: 'GET' | 'POST', path: string, body?: unknown): Promise<unknown>;
  /** The value of a secret that these routes name; null = it cannot be opened, and whatever needs it stays shut. */
  reveal(secret: SecretRef): string | null;
  /** Files of a proxy that is configured by files. */
  readonly files: ProxyFiles;
}

/** Plain names in one directory. */
export interface ProxyFiles {
  list(): Promise<readonly string[]>;
  read(name: string): Promise<string>;
  /** Whole or not at all. */
  write(name: string, text: string): Promise<void>;
  remove(name: string): Promise<void>;
}

export interface Proxy {
  readonly kind: string;
  /** True: it looks at the route file at each request. False: each switch has to be rendered before it counts. */
  readonly followsFiles: boolean;
  /** Pure: the whole configuration for these routes. */
  render(routes: readonly Route[], io: ProxyIo): unknown;
  /** Applies it when it differs from what runs; says whether it had to. */
  apply(doc: unknown, io: ProxyIo): Promise<boolean>;
}
