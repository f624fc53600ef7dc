import { spawn } from 'node:child_process';
import { RetryableError, TerminalError } from '#domain/errors';
import { maskText } from './mask.js';

export interface ExecOptions {
  readonly cwd?: string;
  /** Added to a bare environment (PATH, HOME, LANG): ours holds secrets that no child needs. */
  readonly env?: Readonly<Record<string, string>>;
  /** 60,000 unless told. */
  readonly timeoutMs?: number;
  readonly signal?: AbortSignal;
  /** Kept of each stream at most; the rest is read and dropped. 1 MiB unless told. */
  readonly maxBytes?: number;
  /** Values that are masked in the output. */
  readonly redact?: readonly string[];
  readonly input?: string;
  /** The output as it is, addresses with a password too: for what is read by a program and kept nowhere. */
  readonly isRaw?: boolean;
}

export interface ExecResult {
  /** 128 + n when a signal ended it. */
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
  readonly isTruncated: boolean;
}

const GRACE_MS = 3_000;

/**
 * Runs a program with an argument list; no shell ever sees it. Any exit code is an answer, not an error.
 * Throws TerminalError `exec-missing`, RetryableError `exec-timeout`, or the signal's own reason.
 */
export function run(file: string, argv: readonly string[], options: ExecOptions = {}): Promise<ExecResult> {
  const { signal, timeoutMs = 60_000 } = options;
  if (signal?.aborted) return Promise.reject(signal.reason as Error);
  return new Promise((resolve, reject) => {
    // A group of its own, so that what it starts ends with it.
    const child = spawn(file, argv, { cwd: options.cwd, env: bareEnv(options.env), detached: true, shell: false });
    const output = collect(child, options);
    let failure: Error | null = null;
    let killTimer: NodeJS.Timeout | undefined;
    const end = (reason: Error) => {
      failure ??= reason;
      killTimer ??= endGroup(child.pid);
    };
    const onAbort = () => end(signal?.reason as Error);
    const timer = setTimeout(
      () =>
        end(new RetryableError('exec-timeout', `${file} did not end within ${timeoutMs / 1000} s and was stopped.`)),
      timeoutMs,
    );
    signal?.addEventListener('abort', onAbort, { once: true });
    child.on('error', (error) => (failure ??= startFailure(file, error)));
    child.on('close', (code, signalName) => {
      clearTimeout(timer);
      clearTimeout(killTimer);
      signal?.removeEventListener('abort', onAbort);
      if (failure) reject(failure);
      else resolve({ code: code ?? 128 + signalNumber(signalName), ...output() });
    });
    child.stdin.on('error', () => {}); // A child that ends without reading its input is no fault.
    child.stdin.end(options.input ?? '');
  });
}

function bareEnv(added: ExecOptions['env']): NodeJS.ProcessEnv {
  const { PATH, HOME } = process.env;
  return { PATH, HOME, LANG: 'C.UTF-8', ...added };
}

function collect(child: ReturnType<typeof spawn>, { maxBytes = 1024 * 1024, redact = [], isRaw }: ExecOptions) {
  const kept = { stdout: [] as Buffer[], stderr: [] as Buffer[] };
  let isTruncated = false;
  for (const name of ['stdout', 'stderr'] as const) {
    let bytes = 0;
    child[name]?.on('data', (chunk: Buffer) => {
      const room = Math.max(0, maxBytes - bytes);
      if (room > 0) kept[name].push(chunk.subarray(0, room));
      if (chunk.length > room) isTruncated = true;
      bytes += chunk.length;
    });
  }
  const text = (name: 'stdout' | 'stderr') => {
    const whole = Buffer.concat(kept[name]).toString('utf8');
    return isRaw && name === 'stdout' ? whole : maskText(whole, redact);
  };
  return () => ({ stdout: text('stdout'), stderr: text('stderr'), isTruncated });
}

function endGroup(pid: number | undefined): NodeJS.Timeout | undefined {
  if (pid === undefined) return undefined;
  signalGroup(pid, 'SIGTERM');
  return setTimeout(() => signalGroup(pid, 'SIGKILL'), GRACE_MS).unref();
}

function signalGroup(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(-pid, signal);
  } catch {
    // Gone already.
  }
}

function startFailure(file: string, error: NodeJS.ErrnoException): Error {
  const isMissing = error.code === 'ENOENT' || error.code === 'EACCES';
  if (!isMissing)
    return new RetryableError('exec-failed', `${file} could not be started (${error.code ?? error.message}).`);
  return new TerminalError(
    'exec-missing',
    `${file} could not be started (${error.code}). Install it, or put it on PATH.`,
    'operator',
  );
}

function signalNumber(name: NodeJS.Signals | null): number {
  return ({ SIGHUP: 1, SIGINT: 2, SIGKILL: 9, SIGSEGV: 11, SIGTERM: 15 } as Record<string, number>)[name ?? ''] ?? 0;
}
