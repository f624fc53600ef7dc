import { RetryableError, TerminalError } from '#domain/errors';
import type { StepIo } from '../../source.js';
import { PREFIX, prefixed } from './variables.js';

/** Names in the workload's directory. */
export const FILE = 'compose.json';
export const OVERRIDE = 'tinyforge.override.json';

export interface Call {
  readonly project: string;
  readonly files: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  readonly timeoutSeconds: number;
}

/**
 * One run of the CLI; its stdout. Throws {@link TerminalError} `compose-failed` with its reason in one line,
 * `port-taken`, `compose-missing`, `compose-timeout`.
 */
export async function compose(io: StepIo, call: Call, args: readonly string[]): Promise<string> {
  const files = call.files.flatMap((name) => ['-f', `${io.compose.directory}/${name}`]);
  const project = ['-p', call.project, '--project-directory', io.compose.directory];
  const options = { env: prefixed(call.env), timeoutMs: call.timeoutSeconds * 1000 };
  const { code, stdout, stderr, isTruncated } = await io.compose.run(
    ['--ansi', 'never', ...project, ...files, ...args],
    options,
  );
  io.signal.throwIfAborted();
  const said = readable(stderr, io.compose.directory);
  for (const line of said) io.log(line, 'stderr');
  if (code === 0 && !isTruncated) return stdout;
  if (code === 0) throw new TerminalError('compose-failed', `Compose ${args[0]} wrote more than can be read.`);
  // An engine that is away is no fault of the file: this throws, and is tried again.
  await io.docker.ping(io.signal);
  throw failure(args[0]!, code, said);
}

/** Up and running already is what is wanted: what is there stays as it is. */
function failure(what: string, code: number, said: readonly string[]): Error {
  const reason = reasonOf(said) || `it ended with code ${code} and said nothing`;
  if (/port is already allocated|address already in use/i.test(said.join('\n')))
    return new TerminalError('port-taken', `A host port is taken: ${reason}`, 'operator');
  if (/TLS handshake timeout|connection reset by peer|i\/o timeout/i.test(reason))
    return new RetryableError('compose-failed', `Compose ${what} failed: ${reason}`);
  return new TerminalError('compose-failed', `Compose ${what} failed: ${reason}`);
}

/** Progress is no reason, and neither is where in its own code it gave up. */
const NOISE =
  /^\s|^(Traceback|During handling|The above exception|Creating|Recreating|Starting|Stopping|Removing|Pulling|Attaching|Some networks|Found orphan|The "[\w.-]+" service specifies a port)|^ ?(Container|Network|Volume) \S+ +\S+$/;
const MOST_REASONS = 3;

function reasonOf(said: readonly string[]): string {
  const lines = said.filter((line) => !NOISE.test(line));
  return lines.slice(-MOST_REASONS).join(' ').replaceAll(/\s+/g, ' ').trim();
}

function readable(stderr: string, directory: string): readonly string[] {
  const text = stderr.replaceAll(`${directory}/`, '').replaceAll(directory, '.').replaceAll(PREFIX, '');
  return text.split(/\r?\n/).filter((line) => line.trim() !== '');
}
