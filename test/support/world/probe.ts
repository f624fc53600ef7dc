import { Agent } from 'node:http';
import { getFace } from '../face-client.js';

export interface ProbeFailure {
  readonly host: string;
  readonly at: string;
  readonly what: string;
}

const EVERY_MS = 50;
/** Beyond it, it counts as failed: nobody waits that long. */
const ANSWER_MS = 10_000;

/** Asks every face twenty times a second, over keep-alive connections, and keeps what went wrong. */
export class Probe {
  readonly #timers = new Map<string, NodeJS.Timeout>();
  readonly #excused = new Map<string, number>();
  readonly #last = new Map<string, string>();
  readonly #agent = new Agent({ keepAlive: true, maxSockets: 64 });
  #failures: ProbeFailure[] = [];
  requests = 0;
  /**
   * A face that comes or goes changes the proxy's configuration, which ends idle connections of all: whoever sends on
   * one in that moment asks again on another, as any client does. Until the failures are taken.
   */
  isReloading = false;

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

  /** Since it was asked the last time. */
  takeFailures(): readonly ProbeFailure[] {
    const taken = this.#failures;
    this.#failures = [];
    this.isReloading = false;
    return taken;
  }

  stop(): void {
    for (const host of [...this.#timers.keys()]) this.unwatch(host);
    this.#agent.destroy();
  }

  async #ask(host: string): Promise<void> {
    this.requests += 1;
    const at = new Date().toISOString();
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
      const { status, body } = await Promise.race([getFace({ port: this.port(), host, agent: this.#agent }), late]);
      if (status === 200) this.#last.set(host, body.trim());
      else failed(`${status} ${body.slice(0, 100)}`);
    } catch (error) {
      if (this.isReloading && (error as { isReused?: boolean }).isReused) return void (await this.#ask(host));
      failed(String(error));
    } finally {
      clearTimeout(timer);
    }
  }

  #isExcused(host: string): boolean {
    return (this.#excused.get(host) ?? 0) > 0;
  }
}
