import type { Mount } from '#docker/docker';
import { TerminalError } from '#domain/errors';
import { LABELS } from '#domain/naming';
import { hostPathProblem } from '#domain/volume';
import type { Release, StepIo } from '../../source.js';
import { compose, FILE } from './cli.js';
import type { ComposeConfig } from './config.dto.js';
import { mountsOf, type ServiceMount } from './mounts.js';
import type { Granted, Refusal } from './permissions.js';
import { refusals } from './policy.js';
import { projectName } from './project-name.js';
import { isMap, readFile, type ComposeFile, type Json } from './read-file.js';
import { activeServices, replicasOf } from './services.js';
import { renameVariables } from './variables.js';

/** What the CLI makes of a release's file: JSON, and nothing secret in it. */
export interface Prepared {
  readonly project: string;
  readonly services: readonly PreparedService[];
}

export interface PreparedService {
  readonly name: string;
  /** As the file names it, variables filled in. */
  readonly image: string;
  readonly replicas: number;
  readonly pullPolicy: string | null;
  /** Its binds, where they really lead. */
  readonly mounts: readonly Mount[];
}

export const PROJECT_LABEL = 'com.docker.compose.project';

export function projectOf({ config, workloadId: id, workloadName: name }: Release<ComposeConfig>): string {
  return projectName(config.projectName, { id, name });
}

/** The file of a release, its variables renamed. Throws `invalid-compose`. */
export function fileOf({ config }: Pick<Release<ComposeConfig>, 'config'>): ComposeFile {
  const read = readFile(config.yaml);
  if ('file' in read) return read.file;
  throw new TerminalError('invalid-compose', `The Compose file ${read.problem}.`);
}

/** Writes the file where it differs. Throws {@link TerminalError} `compose-variable`. */
export async function writeFile(io: StepIo, release: Release<ComposeConfig>): Promise<ComposeFile> {
  const { value, required, broken } = renameVariables(fileOf(release), new Set(Object.keys(release.env)));
  const unset = required.filter((name) => release.env[name] === undefined);
  if (broken.length > 0) throw variable(`${broken.slice(0, 3).join(', ')} is no variable: write $$ for a dollar sign.`);
  if (unset.length > 0)
    throw variable(
      `${unset.slice(0, 10).join(', ')} is not set. Set it as a variable of the workload, or give it a default.`,
    );
  const { others: _others, ...sections } = value;
  const filled = Object.entries(sections).filter(([, section]) => Object.keys(section).length > 0);
  const isNew = await io.compose.write(FILE, `${JSON.stringify(Object.fromEntries(filled), null, 2)}\n`);
  io.log(isNew ? 'Wrote the Compose file' : 'The Compose file is as it was', 'step');
  return value;
}

/**
 * The CLI's reading of the file, and whether it may run. Throws {@link TerminalError} `invalid-compose`,
 * `compose-refused`, `compose-variable`, `project-foreign`, `volume-foreign`, `volume-not-allowed`, `compose-failed`.
 */
export async function prepare(io: StepIo, release: Release<ComposeConfig>): Promise<Prepared> {
  const granted: Granted = new Set(release.config.permissions);
  const project = projectOf(release);
  // What would read a file of the host is refused before the CLI could.
  refuse(refusals(fileOf(release), granted, { project, isFinal: false }));
  await writeFile(io, release);
  const file = await readConfig(io, release, project);
  refuse(refusals(file, granted, { project, isFinal: true }));
  await requireOwn(io, { release, project, file });
  const services: PreparedService[] = [];
  for (const name of activeServices(file)) {
    const { image, pull_policy: policy } = file.services[name]!;
    if (typeof image !== 'string' || image === '')
      throw refused([{ path: `services.${name}`, detail: 'names no image' }]);
    const mounts = await bindsOf(io, { release, granted, service: name, mounts: mountsOf(file.services[name]!) });
    const pullPolicy = typeof policy === 'string' ? policy : null;
    services.push({ name, image, replicas: replicasOf(file, name), pullPolicy, mounts });
  }
  return { project, services };
}

const CONFIG_SECONDS = 60;

async function readConfig(io: StepIo, release: Release<ComposeConfig>, project: string): Promise<ComposeFile> {
  const timeoutSeconds = Math.min(CONFIG_SECONDS, release.config.deadlineSeconds);
  const text = await compose(io, { project, files: [FILE], env: release.env, timeoutSeconds }, ['config']);
  const read = readFile(text);
  if ('file' in read) return unescaped(read.file as unknown as Json) as unknown as ComposeFile;
  throw new TerminalError('compose-failed', `What Compose makes of the file ${read.problem}.`);
}

/** The CLI writes a file that could be read again: each dollar sign twice. */
function unescaped(value: Json): Json {
  if (typeof value === 'string') return value.replaceAll('$$', '$');
  if (Array.isArray(value)) return (value as readonly Json[]).map(unescaped);
  if (!isMap(value)) return value;
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, unescaped(inner)]));
}

interface Owning {
  readonly release: Release<ComposeConfig>;
  readonly project: string;
  readonly file: ComposeFile;
}

/** A project or volume of that name which is not this workload's is left alone, never shared. */
async function requireOwn(io: StepIo, { release, project, file }: Owning): Promise<void> {
  const found = await io.docker.listContainers([`${PROJECT_LABEL}=${project}`], io.signal);
  const foreign = found.find(({ labels }) => labels[LABELS.workloadId] !== release.workloadId);
  if (foreign !== undefined) {
    const text = `The Compose project ${project} has a container ${foreign.name} that is not this workload's. Choose another projectName, or remove it.`;
    throw new TerminalError('project-foreign', text, 'operator');
  }
  for (const [key, volume] of Object.entries(file.volumes)) {
    const name = volume?.['name'];
    if (typeof name === 'string' && name !== `${project}_${key}`) await requireNamed(io, release, name);
    else if (volume?.['external'] === true) await requireNamed(io, release, key);
    else await requireOwnVolume(io, release, `${project}_${key}`);
  }
}

async function requireNamed(io: StepIo, release: Release<ComposeConfig>, source: string): Promise<void> {
  const volume = { scope: 'named', source, target: '/volume', readOnly: false } as const;
  await io.volumes.prepare({ ...release, volumes: [volume] });
}

async function requireOwnVolume(io: StepIo, { workloadId }: Release<ComposeConfig>, name: string): Promise<void> {
  const found = await io.docker.inspectVolume(name, io.signal);
  if (found === null || found.labels[LABELS.workloadId] === workloadId) return;
  const text = `The volume ${name} exists and is not this workload's. Choose another projectName, or remove it.`;
  throw new TerminalError('volume-foreign', text, 'operator');
}

interface Binding {
  readonly release: Release<ComposeConfig>;
  readonly granted: Granted;
  readonly service: string;
  readonly mounts: readonly ServiceMount[];
}

const ENGINE_SOCKET = /\/(docker|containerd|podman|crio|buildkitd)\.sock$/;

/** Symbolic links are followed, and it is the end of them that is mounted. */
async function bindsOf(io: StepIo, { release, granted, service, mounts }: Binding): Promise<readonly Mount[]> {
  const found: Mount[] = [];
  for (const { type, source, target, readOnly } of mounts) {
    if (type !== 'bind' || source === null) continue;
    const isSocket = ENGINE_SOCKET.test(source);
    if (granted.has(isSocket ? 'docker_socket' : 'binds')) continue;
    const problem = hostPathProblem(source);
    if (problem !== null) throw refused([{ path: `services.${service}.volumes`, detail: `${source}: ${problem}` }]);
    const volume = { scope: 'absolute', source, target, readOnly } as const;
    found.push(...(await io.volumes.prepare({ ...release, volumes: [volume] })));
  }
  return found;
}

function refuse(found: readonly Refusal[]): void {
  if (found.length > 0) throw refused(found);
}

function refused(found: readonly Refusal[]): TerminalError {
  const [first, ...others] = found;
  const more =
    others.length === 0
      ? ''
      : ` Also: ${others
          .slice(0, 5)
          .map(({ path }) => path)
          .join(', ')}.`;
  return new TerminalError('compose-refused', `${first!.path} ${first!.detail}.${more}`);
}

function variable(text: string): TerminalError {
  return new TerminalError('compose-variable', text);
}
