import { RetryableError } from '#domain/errors';

const FAILURES = 10;
const WINDOW_MS = 15 * 60_000;
const NAMES_KEPT = 10_000;

/** Wrong passwords per name and address: the eleventh within 15 minutes has to wait. Kept in this process only. */
export class SignInLimit {
  readonly #failures = new Map<string, { count: number; until: number }>();

  constructor(private readonly now: () => number) {}

  /** Throws `too-many-requests` (429) with the time to wait. */
  check(key: string): void {
    const entry = this.#failures.get(key);
    if (entry === undefined || entry.until <= this.now() || entry.count < FAILURES) return;
    const seconds = Math.ceil((entry.until - this.now()) / 1000);
    throw new RetryableError('too-many-requests', 'Too many wrong passwords. Wait and try again.', seconds);
  }

  failed(key: string): void {
    const entry = this.#failures.get(key);
    const count = entry === undefined || entry.until <= this.now() ? 1 : entry.count + 1;
    this.#failures.delete(key);
    this.#failures.set(key, { count, until: this.now() + WINDOW_MS });
    const oldest = this.#failures.keys().next();
    if (this.#failures.size > NAMES_KEPT && !oldest.done) this.#failures.delete(oldest.value);
  }

  succeeded(key: string): void {
    this.#failures.delete(key);
  }
}
