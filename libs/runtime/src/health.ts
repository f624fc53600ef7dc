import { maskText } from './mask.js';

const CHECK_MS = 2_000;
const KEEP_MS = 500;

export interface HealthCheck {
  readonly name: string;
  readonly ok: boolean;
  readonly detail: string;
}
export interface Readiness {
  readonly status: 'ready' | 'not-ready';
  readonly checks: readonly HealthCheck[];
}

/** Resolves with a word for the reader or nothing; throws when this process cannot do its work. */
export type Check = (signal: AbortSignal) => Promise<string | void>;

export interface Health {
  add(name: string, check: Check): void;
  /** Not ready from here on: a process that is asked to end calls it first. */
  drain(): void;
  readonly isDraining: boolean;
  /** Each check gets two seconds; answers are kept for half a second, so that probes cost nothing. */
  readiness(): Promise<Readiness>;
}

export function createHealth(): Health {
  const checks = new Map<string, Check>();
  let isDraining = false;
  let kept: { readonly until: number; readonly results: Promise<HealthCheck[]> } | null = null;
  const results = () => {
    if (kept === null || performance.now() > kept.until) {
      kept = {
        until: performance.now() + KEEP_MS,
        results: Promise.all([...checks].map(([name, check]) => runCheck(name, check))),
      };
    }
    return kept.results;
  };
  return {
    add: (name, check) => {
      checks.set(name, check);
      kept = null;
    },
    drain: () => {
      isDraining = true;
    },
    get isDraining() {
      return isDraining;
    },
    readiness: async () => {
      const draining: HealthCheck[] = isDraining ? [{ name: 'shutdown', ok: false, detail: 'shutting down' }] : [];
      const all = [...draining, ...(await results())];
      return { status: all.every(({ ok }) => ok) ? 'ready' : 'not-ready', checks: all };
    },
  };
}

async function runCheck(name: string, check: Check): Promise<HealthCheck> {
  const signal = AbortSignal.timeout(CHECK_MS);
  try {
    const detail = await Promise.race([check(signal), late(signal)]);
    return { name, ok: true, detail: detail ?? '' };
  } catch (error) {
    return { name, ok: false, detail: maskText(error instanceof Error ? error.message : String(error)) };
  }
}

function late(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => {
    signal.addEventListener('abort', () => reject(new Error(`no answer within ${CHECK_MS / 1000} s`)), { once: true });
  });
}
