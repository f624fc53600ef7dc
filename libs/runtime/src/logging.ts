import type { LoggerService } from '@nestjs/common';
import { pino, type DestinationStream, type Logger } from 'pino';
import { maskText, maskValue } from './mask.js';

export type { Logger } from 'pino';

export interface LoggerOptions {
  readonly app: string;
  readonly level?: string;
  /** Values that are masked wherever they turn up: admin token, master key, database password. */
  readonly secrets?: readonly string[];
  /** Standard output unless told. */
  readonly destination?: DestinationStream;
}

/** The process's one logger: JSON lines, secrets masked in fields, messages and errors. Children by `logger.child({…})`. */
export function createLogger({ app, level = 'info', secrets = [], destination }: LoggerOptions): Logger {
  const options = {
    level,
    base: { app, pid: process.pid },
    timestamp: pino.stdTimeFunctions.isoTime,
    formatters: {
      level: (label: string) => ({ level: label }),
      log: (fields: Record<string, unknown>) => maskValue(fields, secrets) as Record<string, unknown>,
    },
    // The formatter has spelled errors out already.
    serializers: { err: (err: unknown) => err },
    hooks: {
      logMethod(this: Logger, args: unknown[], method: (...args: unknown[]) => void) {
        method.apply(this, maskArguments(args, secrets));
      },
    },
  };
  return withMaskedChildren(destination ? pino(options, destination) : pino(options), secrets);
}

/** Pino formats what a child is bound to by no formatter of ours. Children inherit this, and theirs do. */
function withMaskedChildren(logger: Logger, secrets: readonly string[]): Logger {
  const original = Object.getPrototypeOf(logger) as { child(this: Logger, bindings: object, options?: object): Logger };
  return Object.assign(logger, {
    child(this: Logger, bindings: object, options?: object): Logger {
      return original.child.call(this, maskValue(bindings, secrets) as object, options);
    },
  });
}

/** For `NestFactory.create(…, { logger })`: what Nest says about itself, in the same lines. */
export function nestLogger(logger: Logger): LoggerService {
  const at = (level: 'trace' | 'debug' | 'info' | 'warn' | 'error' | 'fatal') => {
    return (message: unknown, ...rest: unknown[]) => {
      const context = rest.findLast((part) => typeof part === 'string' && !part.includes('\n'));
      if (message instanceof Error) logger[level]({ err: message, context });
      else logger[level]({ context }, String(message));
    };
  };
  // Nest tells of every mapped route at "log": of use to a developer only.
  return {
    log: at('debug'),
    debug: at('trace'),
    verbose: at('trace'),
    warn: at('warn'),
    error: at('error'),
    fatal: at('fatal'),
  };
}

/** Pino copies an error's message into `msg` after the formatters ran, so it is put there masked. */
function maskArguments(args: unknown[], secrets: readonly string[]): unknown[] {
  const [first, second, ...rest] = args;
  if (typeof first === 'string')
    return [maskText(first, secrets), ...args.slice(1).map((part) => maskValue(part, secrets))];
  const message = typeof second === 'string' ? second : messageOf(first);
  const masked =
    message === undefined ? [] : [maskText(message, secrets), ...rest.map((part) => maskValue(part, secrets))];
  return [first instanceof Error ? { err: first } : first, ...masked];
}

function messageOf(fields: unknown): string | undefined {
  if (fields instanceof Error) return fields.message;
  const error = (fields as { err?: unknown } | undefined)?.err;
  return error instanceof Error ? error.message : undefined;
}
