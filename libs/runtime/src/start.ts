import type { INestApplication } from '@nestjs/common';
import type { AddressInfo } from 'node:net';
import { TerminalError } from '#domain/errors';
import type { Endpoint } from './endpoints.js';
import type { Logger } from './logging.js';

export interface Stoppable {
  readonly name: string;
  stop(): Promise<unknown>;
}

const STOP_MS = 60_000;
/** npm and a terminal both send the signal on: what comes this soon is the same one. */
const SAME_SIGNAL_MS = 2_000;

/** Listens, port 0 = any free one; a port in use is told with the setting that changes it. */
export async function startHttp(
  app: INestApplication,
  at: Endpoint & { readonly variable: string },
): Promise<Endpoint> {
  try {
    await app.listen(at.port, at.host);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EADDRINUSE') throw error;
    throw new TerminalError(
      'port-taken',
      `Port ${at.port} on ${at.host} is in use by another process. End that one, or set ${at.variable}.`,
      'operator',
    );
  }
  const { port } = (app.getHttpServer() as { address(): AddressInfo }).address();
  return { host: at.host, port };
}

/**
 * Resolves never: on SIGTERM or SIGINT stops everything in the order given and exits, 0 when all of it did within 60 s.
 * A second signal after two seconds exits at once. What nobody caught ends the process the same way, with 1.
 */
export function runUntilSignal(stoppables: readonly Stoppable[], logger: Logger, stopMs = STOP_MS): void {
  let stoppingSince: number | null = null;
  const end = (why: string, code: number) => {
    if (stoppingSince === null) {
      stoppingSince = performance.now();
      void stopAll(stoppables, { logger, stopMs, why }).then((isClean) => process.exit(isClean ? code : 1));
    } else if (performance.now() - stoppingSince > SAME_SIGNAL_MS) {
      logger.warn({ why }, 'Asked again: ending at once');
      process.exit(1);
    }
  };
  process.on('SIGTERM', () => end('SIGTERM', 0));
  process.on('SIGINT', () => end('SIGINT', 0));
  // A terminal that closes must not end half a deployment.
  process.on('SIGHUP', () => end('SIGHUP', 0));
  process.on('uncaughtException', (error) => {
    logger.fatal({ err: error }, 'Nobody caught this error');
    end('uncaught error', 1);
  });
}

interface Stopping {
  readonly logger: Logger;
  readonly stopMs: number;
  readonly why: string;
}

/** One that fails does not keep the others from stopping. True = all stopped in time. */
export async function stopAll(stoppables: readonly Stoppable[], { logger, stopMs, why }: Stopping): Promise<boolean> {
  logger.info({ why }, 'Stopping');
  const deadline = AbortSignal.timeout(stopMs);
  let isClean = true;
  for (const part of stoppables) {
    if (deadline.aborted) return false;
    try {
      await Promise.race([part.stop(), aborted(deadline)]);
      if (deadline.aborted) throw new Error(`not done after ${stopMs / 1000} s`);
    } catch (error) {
      isClean = false;
      logger.error({ err: error, part: part.name }, 'A part did not stop');
    }
  }
  logger.info({ isClean }, 'Stopped');
  return isClean;
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }));
}
