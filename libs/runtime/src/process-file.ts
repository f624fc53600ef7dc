import { readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { TerminalError } from '#domain/errors';

/** A process, told apart from a later one that was given the same pid. */
export interface ProcessId {
  readonly pid: number;
  /** Clock ticks from boot to its start; null where there is no /proc. */
  readonly startTicks: number | null;
}

const HALF_WRITTEN_MS = 2_000;

export function thisProcess(): ProcessId {
  return { pid: process.pid, startTicks: startTicks(process.pid) };
}

export function isRunning({ pid, startTicks: ticks }: ProcessId): boolean {
  return isAlive(pid) && (ticks === null || startTicks(pid) === ticks);
}

/** A zombie is dead: it holds no port and no file. */
export function isAlive(pid: number): boolean {
  if (!Number.isInteger(pid) || pid <= 0) return false;
  try {
    process.kill(pid, 0);
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
  return statFields(pid)?.[0] !== 'Z';
}

/** The command line with its arguments apart; empty for a process that is gone or of another system. */
export function commandLine(pid: number): readonly string[] {
  return (readText(`/proc/${pid}/cmdline`) ?? '').split('\0').filter((part) => part !== '');
}

/** Sends one signal and waits. True when the process is gone. */
export async function endProcess(pid: number, signal: NodeJS.Signals, timeoutMs: number): Promise<boolean> {
  try {
    process.kill(pid, signal);
  } catch {
    return true;
  }
  return waitUntil(() => !isAlive(pid), timeoutMs, 10);
}

export async function waitUntil(
  isTrue: () => boolean | Promise<boolean>,
  timeoutMs: number,
  everyMs: number,
): Promise<boolean> {
  const end = performance.now() + timeoutMs;
  for (;;) {
    if (await isTrue()) return true;
    if (performance.now() > end) return false;
    await sleep(everyMs);
  }
}

/** One process at a time; a lock whose holder is gone is taken over. */
export async function withLock<T>(path: string, work: () => Promise<T>): Promise<T> {
  if (!(await waitUntil(() => takeLock(path), 60_000, 20))) {
    throw new TerminalError(
      'locked',
      `Another process holds ${path} for too long. If none is starting, remove that file.`,
      'operator',
    );
  }
  try {
    return await work();
  } finally {
    rmSync(path, { force: true });
  }
}

export function readProcessFile(path: string): ProcessId | null {
  try {
    const { pid, startTicks: ticks } = JSON.parse(readFileSync(path, 'utf8')) as Partial<ProcessId>;
    return typeof pid === 'number' ? { pid, startTicks: ticks ?? null } : null;
  } catch {
    return null;
  }
}

function takeLock(path: string): boolean {
  try {
    writeFileSync(path, JSON.stringify(thisProcess()), { flag: 'wx', mode: 0o600 });
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
  }
  const holder = readProcessFile(path);
  const isStale = holder === null ? isOld(path) : !isRunning(holder);
  if (isStale) rmSync(path, { force: true });
  return false;
}

/** An empty lock is one that is being written this instant, unless it stays so. */
function isOld(path: string): boolean {
  const written = statSync(path, { throwIfNoEntry: false })?.mtimeMs;
  return written !== undefined && Date.now() - written > HALF_WRITTEN_MS;
}

function startTicks(pid: number): number | null {
  // proc(5): starttime is field 22, and statFields begins at field 3.
  const ticks = Number(statFields(pid)?.[19]);
  return Number.isFinite(ticks) ? ticks : null;
}

/** From the state on: the name before it may hold spaces and brackets. */
function statFields(pid: number): string[] | null {
  const stat = readText(`/proc/${pid}/stat`);
  return stat === null ? null : stat.slice(stat.lastIndexOf(')') + 2).split(' ');
}

function readText(path: string): string | null {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return null;
  }
}
