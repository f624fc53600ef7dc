import { Agent } from 'node:http';
import { getFace } from '../face-client.js';
import { until } from '../until.js';

export interface ProbeFailure {
  readonly host: string;
  readonly at: string;
  readonly what: string;
}

const EVERY_MS = 50;
/** Beyond it, it counts as failed: nobody waits that long. */
const ANSWER_MS = 10_000;
/** By then the keeper has brought the proxy up to date, also where it had to be started anew. */
const RELOAD_MS = 30_000;

/** Asks every face twenty times a second, over keep-alive connections, and keeps what went wrong. */
export class Probe {
  readonly #timers = new Map<string, NodeJS.Timeout>();
  readonly #excused = new Map<string, number>();
  readonly #last = new Map<string, string>();
  /** When the request was sent that was answered well last. */
  readonly #goodAt = new Map<string, number>();
  readonly #agent = new Agent({ keepAlive: true, maxSockets: 64 });
  #failures: ProbeFailure[] = [];
  requests = 0;
  #reloadsUntil = 0;

  constructor(private readonly port: () => number) {}

  watch(host: string): void {
    this.#timers.set(
      host,
      setInterval(() => void this.#ask(host), EVERY_MS),
    );
  }

  unwatch(host: string): void {
    clearInterval(this.#timers.get(host));
    this.#timers.delete(host);
  }

  /** What it answered last. */
  answer(host: string): string | undefined {
    return this.#last.get(host);
  }

  /** While the fault makes a face unreachable and cannot but do so. Returns the end of it. */
  excuse(hosts: readonly string[] = [...this.#timers.keys()]): () => void {
    for (const host of hosts) this.#excused.set(host, (this.#excused.get(host) ?? 0) + 1);
    return () => {
      for (const host of hosts) this.#excused.set(host, this.#excused.get(host)! - 1);
    };
  }

  /**
   * A face that comes or goes makes the proxy load its configuration anew, which ends connections of all: whoever has
   * no answer then asks once more on a connection of its own, as any client does. A switch never does that.
   */
  expectReload(): void {
    this.#reloadsUntil = Date.now() + RELOAD_MS;
  }

  /** Once each of them has answered a request that was sent after this. */
  async recovered(hosts: readonly string[] = [...this.#timers.keys()]): Promise<void> {
    const from = performance.now();
    const isUp = async () => hosts.every((host) => (this.#goodAt.get(host) ?? 0) > from);
    await until(isUp, 'the faces to answer again', 45_000);
  }

  /** Since it was asked the last time. */
  takeFailures(): readonly ProbeFailure[] {
    const taken = this.#failures;
    this.#failures = [];
    return taken;
  }

  stop(): void {
    for (const host of [...this.#timers.keys()]) this.unwatch(host);
    this.#agent.destroy();
  }

  async #ask(host: string, isSecond = false): Promise<void> {
    this.requests += 1;
    const at = new Date().toISOString();
    const sentAt = performance.now();
    const wasExcused = this.#isExcused(host);
    const failed = (what: string) => {
      this.#last.set(host, what);
      if (!wasExcused && !this.#isExcused(host) && this.#timers.has(host)) this.#failures.push({ host, at, what });
    };
    let timer: NodeJS.Timeout | undefined;
    try {
      const late = new Promise<never>((_, reject) => {
        timer = setTimeout(() => reject(new Error(`no answer in ${ANSWER_MS / 1000} s`)), ANSWER_MS);
      });
      const { status, body } = await Promise.race([
        getFace({ port: this.port(), host, ...(isSecond ? {} : { agent: this.#agent }) }),
        late,
      ]);
      if (status === 200) {
        this.#last.set(host, body.trim());
        this.#goodAt.set(host, sentAt);
      } else failed(`${status} ${body.slice(0, 100)}`);
    } catch (error) {
      if (Date.now() < this.#reloadsUntil && !isSecond) return void (await this.#ask(host, true));
      failed(String(error));
    } finally {
      clearTimeout(timer);
    }
  }

  #isExcused(host: string): boolean {
    return (this.#excused.get(host) ?? 0) > 0;
  }
}
