import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { until } from '../until.js';
import { startApp } from '../worker-process.js';

export type Role = 'api' | 'webhook-ingress' | 'worker-1' | 'worker-2' | 'reconciler';
export const WORKERS = ['worker-1', 'worker-2'] as const satisfies readonly Role[];
export const ROLES = ['api', 'webhook-ingress', ...WORKERS, 'reconciler'] as const satisfies readonly Role[];

interface Running {
  readonly child: ChildProcess;
  readonly ended: Promise<number | NodeJS.Signals>;
}

type Env = Readonly<Record<string, string>>;

/** The platform's processes. One that ends starts again at once, as under any service manager. */
export class Processes {
  readonly #running = new Map<Role, Running>();
  readonly #extra = new Map<Role, Env>();
  #isStopping = false;
  /** Starts beyond the first ones. */
  restarts = 0;
  #tail = '';

  constructor(
    private readonly envOf: (role: Role) => Env,
    private readonly onOutput: (role: Role, text: string) => void,
  ) {}

  async startAll(): Promise<void> {
    for (const role of ROLES) this.#start(role);
    await this.allUp();
  }

  pid(role: Role): number {
    return this.#running.get(role)!.child.pid!;
  }

  roleOf(pid: number): Role | undefined {
    return ROLES.find((role) => this.pid(role) === pid);
  }

  /** What was printed last, for a report. */
  get tail(): string {
    return this.#tail;
  }

  async allUp(): Promise<void> {
    await Promise.all(ROLES.map((role) => this.up(role)));
  }

  /** Once it listens: a dead one's successor, too. */
  async up(role: Role): Promise<void> {
    const folder = join(this.envOf(role)['TINYFORGE_DATA_DIR']!, 'endpoints');
    const app = appOf(role);
    await until(async () => existsSync(join(folder, `${app}-${this.pid(role)}.json`)), `${role} to listen`).catch(
      (error: unknown) => {
        throw new Error(`${String(error)}\n${this.#tail}`);
      },
    );
  }

  /** One that was paused goes on. */
  wake(role: Role): void {
    this.#running.get(role)!.child.kill('SIGCONT');
  }

  /** Resolves with the exit code or signal; its successor is on its way then. */
  async end(role: Role, signal: NodeJS.Signals): Promise<number | NodeJS.Signals> {
    const { child, ended } = this.#running.get(role)!;
    child.kill(signal);
    return ended;
  }

  ended(role: Role): Promise<number | NodeJS.Signals> {
    return this.#running.get(role)!.ended;
  }

  /** Its successors get this on top. */
  setExtra(role: Role, env: Env | null): void {
    if (env === null) this.#extra.delete(role);
    else this.#extra.set(role, env);
  }

  /** One more, that does not come back: what it printed and how it ended. */
  async once(role: Role, env: Env): Promise<{ code: number | NodeJS.Signals; output: string }> {
    let output = '';
    const child = spawnApp(role, { ...this.envOf(role), ...env }, (text) => (output += text));
    const [code, signal] = (await once(child, 'exit')) as [number | null, NodeJS.Signals | null];
    return { code: signal ?? code!, output };
  }

  /** The tool on the host, by the links of the API. */
  async admin(args: readonly string[]): Promise<{ code: number | NodeJS.Signals; output: string }> {
    const admin = startApp('admin', this.envOf('api'), args);
    return { code: await admin.ended, output: admin.output() };
  }

  /** One more beside them, until it is stopped. */
  beside(role: Role, env: Env = {}): { readonly pid: number; stop(signal: NodeJS.Signals): Promise<unknown> } {
    const child = spawnApp(role, { ...this.envOf(role), ...env }, (text) => this.#heard(role, text));
    const gone = once(child, 'exit');
    return { pid: child.pid!, stop: (signal) => (child.kill(signal), gone) };
  }

  async stop(): Promise<readonly (number | NodeJS.Signals)[]> {
    this.#isStopping = true;
    const all = [...this.#running.values()];
    all.forEach(({ child }) => child.kill('SIGCONT'));
    all.forEach(({ child }) => child.kill('SIGTERM'));
    return Promise.all(all.map(({ ended }) => ended));
  }

  #start(role: Role): void {
    const env = { ...this.envOf(role), ...this.#extra.get(role) };
    const child = spawnApp(role, env, (text) => this.#heard(role, text));
    const ended = once(child, 'exit').then(([code, signal]) => (signal ?? code) as number | NodeJS.Signals);
    this.#running.set(role, { child, ended });
    void ended.then(() => {
      if (this.#isStopping) return;
      this.restarts += 1;
      this.#start(role);
    });
  }

  #heard(role: Role, text: string): void {
    this.#tail = (this.#tail + text.replace(/^/gm, `[${role}] `)).slice(-20_000);
    this.onOutput(role, text);
  }
}

function appOf(role: Role): string {
  return role.startsWith('worker') ? 'deploy-worker' : role;
}

function spawnApp(role: Role, env: Env, onText: (text: string) => void): ChildProcess {
  const child = spawn(process.execPath, [`dist/apps/${appOf(role)}/src/main.js`], {
    env: { PATH: process.env['PATH'] ?? '', HOME: process.env['HOME'] ?? '/root', ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  for (const stream of [child.stdout, child.stderr]) stream.setEncoding('utf8').on('data', onText);
  const kill = () => child.kill('SIGKILL');
  process.once('exit', kill);
  child.once('exit', () => process.off('exit', kill));
  return child;
}
