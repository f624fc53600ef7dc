import { RE2JS } from 're2js';
import { Rejection } from '#domain/errors';
import type { LogLine } from '#store/container-log';

export interface Wanted {
  readonly grep?: string | undefined;
  readonly stream?: LogLine['stream'] | undefined;
  /** ISO 8601. */
  readonly since?: string | undefined;
}

/** Whether a line is wanted. `/…/` is an RE2 expression, whose time grows with the line only; else a part of the text. */
export function lineFilter({ grep, stream, since }: Wanted): (line: LogLine) => boolean {
  const from = since === undefined ? -Infinity : Date.parse(since);
  const holds = grep === undefined || grep === '' ? () => true : matcher(grep);
  return (line) => line.at >= from && (stream === undefined || line.stream === stream) && holds(line.line);
}

function matcher(grep: string): (text: string) => boolean {
  const expression = /^\/(.+)\/$/s.exec(grep)?.[1];
  if (expression === undefined) return (text) => text.includes(grep);
  try {
    const compiled = RE2JS.compile(expression);
    return (text) => compiled.matcher(text).find();
  } catch {
    throw new Rejection('invalid-grep', `${grep} is no RE2 expression. Mend it, or leave out the slashes.`, [
      { pointer: '/grep', detail: 'must be text, or an RE2 expression between slashes' },
    ]);
  }
}
