import { mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { RetryableError, TerminalError } from '#domain/errors';
import type { ComposeIo, ComposeOptions, ComposeResult } from '#plugins/compose-io';
import { run } from '#runtime/exec';

export interface Program {
  readonly file: string;
  readonly args: readonly string[];
}

/** The plugin of the docker client, else the program of its own that came before it. */
const PROGRAMS: readonly Program[] = [
  { file: 'docker', args: ['compose'] },
  { file: 'docker-compose', args: [] },
];

export interface ComposeCli {
  /** The io of one workload, in a directory of its own. */
  of(directory: string, signal: AbortSignal): ComposeIo;
}

const VERSION_MS = 20_000;
/** For whoever was killed and whose run goes on: it ends by itself. */
const LOCK_SECONDS = 120;
const LOCKED = 75;
const MOST_BYTES = 8 * 1024 * 1024;

/** Looks for the CLI once, when it is needed first; what was not found is looked for again. */
export function createComposeCli(dockerHost: string, programs = PROGRAMS): ComposeCli {
  let found: Promise<Program> | null = null;
  const program = () =>
    (found ??= detect(programs, dockerHost).catch((error: unknown) => {
      found = null;
      throw error;
    }));
  return {
    of: (directory, signal) => ({
      directory,
      async run(args, options) {
        const { file, args: first } = await program();
        await makeDirectory(directory);
        const lock = ['--exclusive', '--timeout', String(LOCK_SECONDS), '--conflict-exit-code', String(LOCKED)];
        const argv = [...lock, join(directory, '.lock'), file, ...first, ...args];
        return ended(argv, { ...options, dockerHost, directory, signal });
      },
      write: (name, text) => write(directory, name, text),
      clear: () => rm(directory, { recursive: true, force: true, maxRetries: 3 }),
    }),
  };
}

interface Running extends ComposeOptions {
  readonly dockerHost: string;
  readonly directory: string;
  readonly signal: AbortSignal;
}

/** Under a lock that the program itself holds: a worker that is killed does not take it away. */
async function ended(argv: readonly string[], options: Running): Promise<ComposeResult> {
  const { env, timeoutMs, dockerHost, directory: cwd, signal } = options;
  const more = { isRaw: true, maxBytes: MOST_BYTES };
  try {
    const result = await run('flock', argv, {
      cwd,
      env: { ...env, DOCKER_HOST: dockerHost },
      timeoutMs,
      signal,
      ...more,
    });
    if (result.code !== LOCKED) return result;
  } catch (error) {
    if (!(error instanceof RetryableError) || error.code !== 'exec-timeout') throw error;
    const text = `Compose did not end within ${timeoutMs / 1000} s and was stopped. What it said is in the deployment log.`;
    throw new TerminalError('compose-timeout', text);
  }
  throw new RetryableError('compose-busy', 'Compose is at work for this workload already; it is tried again.');
}

async function detect(programs: readonly Program[], dockerHost: string): Promise<Program> {
  for (const program of programs) {
    const { file, args } = program;
    try {
      const options = { timeoutMs: VERSION_MS, env: { DOCKER_HOST: dockerHost } };
      const { code, stdout } = await run(file, [...args, 'version', '--short'], options);
      if (code === 0 && /^v?\d+\.\d+/.test(stdout.trim())) return program;
    } catch (error) {
      if (!(error instanceof TerminalError) || error.code !== 'exec-missing') throw error;
    }
  }
  const text =
    'This node has neither "docker compose" nor docker-compose. Install the Compose plugin and deploy again.';
  throw new TerminalError('compose-missing', text, 'operator');
}

const OWN_MODE = 0o700;
const FILE_MODE = 0o600;

async function makeDirectory(directory: string): Promise<void> {
  await mkdir(directory, { recursive: true, mode: OWN_MODE });
}

async function write(directory: string, name: string, text: string): Promise<boolean> {
  if (!/^[a-z][a-z.-]{0,60}$/.test(name)) throw new Error(`${name} is no plain name`);
  const path = join(directory, name);
  const before = await readFile(path, 'utf8').catch(() => null);
  if (before === text) return false;
  await makeDirectory(directory);
  const fresh = join(directory, `.${name}.new`);
  await writeFile(fresh, text, { mode: FILE_MODE });
  await rename(fresh, path);
  return true;
}
