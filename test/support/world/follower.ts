/** Reads the event stream of the API through every fault, as a client that resumes: each position once, in order. */
export class Follower {
  #abort = new AbortController();
  #last = 0n;
  #faults: string[] = [];
  reconnects = 0;

  constructor(
    private readonly origin: string,
    private readonly token: string,
  ) {}

  start(): void {
    void this.#follow();
  }

  get position(): bigint {
    return this.#last;
  }

  /** Gaps and repetitions since it was asked the last time. */
  takeFaults(): readonly string[] {
    const taken = this.#faults;
    this.#faults = [];
    return taken;
  }

  stop(): void {
    this.#abort.abort();
  }

  async #follow(): Promise<void> {
    while (!this.#abort.signal.aborted) {
      await this.#read().catch(() => undefined);
      this.reconnects += 1;
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
  }

  async #read(): Promise<void> {
    const answer = await fetch(`${this.origin}/api/events/stream?after=0`, {
      headers: {
        authorization: `Bearer ${this.token}`,
        accept: 'text/event-stream',
        ...(this.#last === 0n ? {} : { 'last-event-id': String(this.#last) }),
      },
      signal: this.#abort.signal,
    });
    if (!answer.ok || answer.body === null) return;
    let rest = '';
    const decoder = new TextDecoder();
    for await (const chunk of answer.body as unknown as AsyncIterable<Uint8Array>) {
      const lines = (rest + decoder.decode(chunk, { stream: true })).split('\n');
      rest = lines.pop()!;
      for (const line of lines) if (line.startsWith('id:')) this.#take(BigInt(line.slice(3).trim()));
    }
  }

  #take(position: bigint): void {
    if (position !== this.#last + 1n) this.#faults.push(`position ${position} came after ${this.#last}`);
    this.#last = position;
  }
}
