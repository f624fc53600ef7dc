import { TerminalError } from '#domain/errors';
import type { Step, StepIo } from '../source.js';
import { containersOf, type ContainerFact } from './container-facts.js';
import { checkHealth, type Health, type HealthRule } from './health-check.js';
import { pause } from './pause.js';

export interface HealthOptions {
  readonly rule: HealthRule;
  /** Where containers differ. */
  readonly ruleOf?: (container: ContainerFact) => HealthRule;
  readonly intervalSeconds: number;
  readonly timeoutSeconds: number;
  readonly deadlineSeconds: number;
  /** It has to stay healthy for so long without a miss. */
  readonly minHealthySeconds: number;
}

/** At once, then after 25, 50, 100 … ms up to the interval: most containers answer within a few of these. */
const FIRST_PAUSE_MS = 25;
const LOG_LINES = 50;

/** Every instance; facts: `containers` where some have ended well. Else {@link TerminalError} `container-exited`, `not-healthy` with its last lines in the deployment log. */
export function waitHealthyStep(options: HealthOptions): Step {
  return {
    name: 'wait-healthy',
    async run(io, facts) {
      const containers = containersOf(facts);
      io.log(
        `Waiting until ${containers.length} of ${containers.length} are healthy: ${wordsFor(options.rule)}`,
        'step',
      );
      const ended = new Set<string>();
      await all(io, containers, async (inner, container) => {
        const rule = options.ruleOf?.(container) ?? options.rule;
        const { hasEnded } = await untilHealthy(inner, container, { ...options, rule });
        if (hasEnded) ended.add(container.containerId);
      });
      if (ended.size === 0) return {};
      return {
        containers: containers.map((each) => (ended.has(each.containerId) ? { ...each, hasEnded: true } : each)),
      };
    },
  };
}

/** The first failure ends the watch over the others. */
async function all(
  io: StepIo,
  containers: readonly ContainerFact[],
  watch: (io: StepIo, container: ContainerFact) => Promise<void>,
): Promise<void> {
  const end = new AbortController();
  const inner = { ...io, signal: AbortSignal.any([io.signal, end.signal]) };
  const failures: unknown[] = [];
  const watches = containers.map(async (container) => {
    try {
      await watch(inner, container);
    } catch (error) {
      failures.push(error);
      if (failures.length > 1) return;
      end.abort(error);
      if (error instanceof TerminalError) await copyLastLines(io, container);
    }
  });
  await Promise.all(watches);
  if (failures.length > 0) throw failures[0];
}

async function untilHealthy(
  io: StepIo,
  container: ContainerFact,
  options: HealthOptions,
): Promise<Extract<Health, { isHealthy: true }>> {
  const { clock, signal } = io;
  const startedAt = clock.now();
  const holdMs = options.minHealthySeconds * 1000;
  const intervalMs = options.intervalSeconds * 1000;
  let healthySince: number | null = null;
  for (let next = FIRST_PAUSE_MS; ; next *= 2) {
    const check = { container, rule: options.rule, timeoutMs: options.timeoutSeconds * 1000, isStrict: holdMs > 0 };
    const health = await checkHealth(io, check);
    signal.throwIfAborted();
    healthySince = health.isHealthy ? (healthySince ?? clock.now()) : null;
    if (health.isHealthy && (health.hasEnded || clock.now() - healthySince! >= holdMs)) return health;
    if (!health.isHealthy) refuseLate(container, options, { health, waitedMs: clock.now() - startedAt });
    const held = healthySince === null ? next : holdMs - (clock.now() - healthySince);
    await pause(clock, Math.max(1, Math.min(held, intervalMs)), signal);
  }
}

interface Waited {
  readonly health: Extract<Health, { isHealthy: false }>;
  readonly waitedMs: number;
}

function refuseLate({ name }: ContainerFact, { deadlineSeconds }: HealthOptions, { health, waitedMs }: Waited): void {
  if (waitedMs < deadlineSeconds * 1000 + health.extraMs) return;
  const seconds = Math.round(waitedMs / 1000);
  const text = `Container ${name} was not healthy after ${seconds} s: ${health.why}. Its last lines are in the deployment log.`;
  throw new TerminalError('not-healthy', text);
}

async function copyLastLines(io: StepIo, { containerId, name }: ContainerFact): Promise<void> {
  const lines = await io.docker.tailLogs(containerId, LOG_LINES, io.signal);
  io.log(lines.length === 0 ? `${name} wrote nothing` : `Last lines of ${name}:`, 'step');
  for (const { stream, line } of lines) io.log(line, stream);
}

function wordsFor(rule: HealthRule): string {
  if (rule.kind === 'http') return `GET ${rule.path} on port ${rule.port} answers 2xx`;
  if (rule.kind === 'service') return 'by what each service says of itself, else 10 s without a restart';
  return rule.kind === 'docker' ? "the image's HEALTHCHECK, else 10 s without a restart" : 'started is enough';
}
