import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';

export interface AppProcess {
  readonly pid: number;
  /** Resolves when it has ended, with its exit code or signal. */
  readonly ended: Promise<number | NodeJS.Signals>;
  kill(signal: NodeJS.Signals): void;
  readonly output: () => string;
}

/** An app as it is deployed: the built file, in a process of its own. */
export function startApp(app: string, env: Readonly<Record<string, string>>, args: readonly string[] = []): AppProcess {
  const child: ChildProcess = spawn(process.execPath, [`dist/apps/${app}/src/main.js`, ...args], {
    env: { PATH: process.env['PATH'] ?? '', HOME: process.env['HOME'] ?? '/root', ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let output = '';
  child.stdout!.on('data', (chunk: Buffer) => (output += chunk.toString()));
  child.stderr!.on('data', (chunk: Buffer) => (output += chunk.toString()));
  const ended = once(child, 'exit').then(([code, signal]) => (signal ?? code) as number | NodeJS.Signals);
  return { pid: child.pid!, ended, kill: (signal) => child.kill(signal), output: () => output };
}
