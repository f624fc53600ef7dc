import { Rejection, type FieldError } from './errors.js';

/**
 * Where the data of a volume lives. `absolute`: a host path that the settings allow. `ephemeral`: memory. `instance`,
 * `stage`, `project`: a directory of the workload's own, the first one for each version. `project_named`: a Docker
 * volume of the workload's own. `named`: a Docker volume by its bare name.
 */
export const VOLUME_SCOPES = [
  'absolute',
  'ephemeral',
  'instance',
  'stage',
  'project',
  'project_named',
  'named',
] as const;
export type VolumeScope = (typeof VOLUME_SCOPES)[number];

export interface Volume {
  readonly scope: VolumeScope;
  /** Host path, path below the workload's directory, or name: as the scope has it. Empty for `ephemeral`. */
  readonly source: string;
  /** Absolute path in the container. */
  readonly target: string;
  readonly readOnly: boolean;
}

/** What the instance allows. */
export interface VolumeRules {
  readonly volumeBase: string | null;
  readonly allowedVolumePaths: readonly string[];
}

const MOST_VOLUMES = 50;

/** Paths without a trailing slash; throws `invalid-volume` naming each bad field. What the text alone can tell. */
export function normaliseVolumes(volumes: readonly Volume[]): readonly Volume[] {
  const wanted = volumes.map(({ scope, source, target, readOnly }) => {
    return { scope, source: scope === 'absolute' ? trimSlash(source) : source, target: trimSlash(target), readOnly };
  });
  const errors = wanted.flatMap((volume, index) => [
    ...errorAt(`/volumes/${index}/source`, sourceProblem(volume)),
    ...errorAt(`/volumes/${index}/target`, targetProblem(volume.target)),
  ]);
  wanted.forEach(({ target }, index) => {
    const isSecond = wanted.findIndex((each) => each.target === target) !== index;
    if (isSecond) errors.push({ pointer: `/volumes/${index}/target`, detail: `is ${target} a second time` });
  });
  if (volumes.length > MOST_VOLUMES)
    errors.push({ pointer: '/volumes', detail: `must hold at most ${MOST_VOLUMES} volumes` });
  if (errors.length > 0) throw invalid('invalid-volume', errors);
  return wanted.map((volume) => (volume.scope === 'ephemeral' ? { ...volume, source: '' } : volume));
}

/** Throws `invalid-volume` where the settings leave no room for one, naming it. Symbolic links are the worker's to follow. */
export function requireAllowed(volumes: readonly Volume[], rules: VolumeRules): void {
  const errors = volumes.flatMap((volume, index) => errorAt(`/volumes/${index}/source`, ruleProblem(volume, rules)));
  if (errors.length > 0) throw invalid('invalid-volume', errors);
}

/** Why an absolute host path is not acceptable as one, for people; null when it is. */
export function hostPathProblem(path: string): string | null {
  if (!ABSOLUTE.test(path) || hasDots(path))
    return 'must be an absolute path without "..", of letters, digits, space and _ . @ + = , ~ -';
  if (path.length > 1024) return 'must have at most 1024 characters';
  if (isWithin(path, SYSTEM)) return `must not be in ${SYSTEM.join(', ')}`;
  return SOCKET.test(path) ? 'must not be a container engine: that is the whole host' : null;
}

/** `path` is `root` or below it; both are absolute and normalised. */
export function isUnder(path: string, root: string): boolean {
  return path === root || path.startsWith(root.endsWith('/') ? root : `${root}/`);
}

const ABSOLUTE = /^(\/[\p{L}\p{N}_.@+=,~ -]+)+$/u;
const RELATIVE = /^[A-Za-z0-9_][A-Za-z0-9_.-]{0,99}(\/[A-Za-z0-9_][A-Za-z0-9_.-]{0,99}){0,9}$/;
const NAME = /^[A-Za-z0-9][A-Za-z0-9_.-]{0,99}$/;
const TARGET = /^\/[^\u0000-\u001f\u007f:\\]{1,1023}$/;
const SYSTEM = ['/proc', '/sys', '/dev'];
const SOCKET = /\/(docker|containerd|podman|crio|buildkitd)\.sock$/;

function sourceProblem({ scope, source }: Volume): string | null {
  switch (scope) {
    case 'absolute':
      return hostPathProblem(source);
    case 'ephemeral':
      return source === '' || isRelative(source) ? null : 'must be empty: it lives in memory';
    case 'instance':
    case 'stage':
    case 'project':
      return isRelative(source) ? null : 'must be a relative path of letters, digits and _ . -, without ".."';
    case 'project_named':
    case 'named':
      return NAME.test(source) ? null : 'must be a name of letters, digits and _ . -';
  }
}

function targetProblem(target: string): string | null {
  const isPath = TARGET.test(target) && !target.includes('//') && !hasDots(target);
  if (!isPath) return 'must be an absolute path in the container, not "/", without ".."';
  return isWithin(target, SYSTEM) ? `must not be in ${SYSTEM.join(', ')}` : null;
}

function ruleProblem({ scope, source }: Volume, { volumeBase, allowedVolumePaths }: VolumeRules): string | null {
  if (scope === 'absolute') {
    if (isWithin(source, allowedVolumePaths)) return null;
    const allowed = allowedVolumePaths.join(', ') || 'none';
    return `is not under a path that an admin allows (setting allowedVolumePaths: ${allowed})`;
  }
  const needsBase = scope === 'instance' || scope === 'stage' || scope === 'project';
  return needsBase && volumeBase === null ? 'needs the setting volumeBase, a directory on the host' : null;
}

function isRelative(path: string): boolean {
  return RELATIVE.test(path) && !hasDots(path);
}

function hasDots(path: string): boolean {
  return path.split('/').some((part) => part === '.' || part === '..' || part.includes('%2e') || part.includes('%2E'));
}

function isWithin(path: string, roots: readonly string[]): boolean {
  return roots.some((root) => isUnder(path, root));
}

function trimSlash(path: string): string {
  let end = path.length;
  while (end > 1 && path[end - 1] === '/') end -= 1;
  return path.slice(0, end);
}

function errorAt(pointer: string, problem: string | null): FieldError[] {
  return problem === null ? [] : [{ pointer, detail: problem }];
}

function invalid(code: string, errors: readonly FieldError[]): Rejection {
  const fields = errors.map(({ pointer, detail }) => `${pointer} ${detail}`).join('; ');
  return new Rejection(code, `The volumes are not valid: ${fields}.`, errors);
}
