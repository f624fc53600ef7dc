import { isMap, textOf, type ComposeFile, type Json, type JsonMap } from './read-file.js';

/**
 * Before every name that the CLI is to fill in: a variable of a workload never becomes one of the CLI's own (`PATH`,
 * `DOCKER_HOST`, `LD_PRELOAD`), and its value comes as it is, through no file and no argument.
 */
export const PREFIX = 'TFV_';

export interface Renamed<T> {
  readonly value: T;
  /** Names that stand without a default. */
  readonly required: readonly string[];
  /** Expressions that Compose does not know either. */
  readonly broken: readonly string[];
}

/** The file with each `$NAME` renamed; `known` decides about variables that are handed through by name alone. */
export function renameVariables(file: ComposeFile, known: ReadonlySet<string>): Renamed<ComposeFile> {
  const found = { required: new Set<string>(), broken: new Set<string>() };
  const value = walk(file as unknown as Json, found) as unknown as ComposeFile;
  const services = Object.entries(value.services).map(([name, service]) => [name, handThrough(service, known)]);
  const [secrets, configs] = [value.secrets, value.configs].map((section) => fromVariables(section, known, found));
  return {
    value: {
      ...value,
      services: Object.fromEntries(services) as ComposeFile['services'],
      secrets: secrets!,
      configs: configs!,
    },
    required: [...found.required].sort(),
    broken: [...found.broken],
  };
}

/** What the CLI is given: only names of ours. */
export function prefixed(env: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(Object.entries(env).map(([name, value]) => [PREFIX + name, value]));
}

/** With defaults filled in, where there are any: what a name says before anybody knows the variables. */
export function withDefaults(text: string): string {
  return replace(text, ({ op, rest }) => (op?.endsWith('-') ? withDefaults(rest) : ''));
}

type Section = ComposeFile['secrets'];

/** `environment: NAME` of a secret or config names a variable without a dollar sign. */
function fromVariables(section: Section, known: ReadonlySet<string>, { required }: Found): Section {
  const renamed = Object.entries(section).map(([key, value]): [string, JsonMap | null] => {
    const name = value?.['environment'];
    if (typeof name !== 'string') return [key, value];
    if (!known.has(name)) required.add(name);
    return [key, { ...value, environment: PREFIX + name }];
  });
  return Object.fromEntries(renamed);
}

interface Found {
  readonly required: Set<string>;
  readonly broken: Set<string>;
}

function walk(value: Json, found: Found): Json {
  if (typeof value === 'string') return rename(value, found);
  if (Array.isArray(value)) return (value as readonly Json[]).map((each) => walk(each, found));
  if (!isMap(value)) return value;
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, walk(inner, found)]));
}

function rename(text: string, found: Found): string {
  return replace(
    text,
    ({ name, op, rest }) => {
      if (op === undefined || op.endsWith('?')) found.required.add(name);
      return `\${${PREFIX}${name}${op ?? ''}${rename(rest, found)}}`;
    },
    { dollar: '$$', broken: (at) => found.broken.add(at) },
  );
}

interface Expression {
  readonly name: string;
  /** `-`, `:-`, `?`, `:?`, `+`, `:+` */
  readonly op: string | undefined;
  readonly rest: string;
}

const NAME = /^[A-Za-z_]\w*/;

/** One pass over `$NAME`, `${NAME…}` and `$$`, nested defaults included. */
function replace(
  text: string,
  by: (expression: Expression) => string,
  { dollar = '$', broken = () => {} }: { dollar?: string; broken?: (at: string) => void } = {},
): string {
  let out = '';
  for (let at = 0; at < text.length;) {
    const from = text.indexOf('$', at);
    if (from < 0) return out + text.slice(at);
    out += text.slice(at, from);
    if (text[from + 1] === '$') {
      out += dollar;
      at = from + 2;
      continue;
    }
    const read = expressionAt(text, from);
    if (read === null) {
      broken(text.slice(from, from + 20));
      out += text[from];
      at = from + 1;
      continue;
    }
    out += by(read.expression);
    at = read.end;
  }
  return out;
}

function expressionAt(text: string, from: number): { expression: Expression; end: number } | null {
  const bare = NAME.exec(text.slice(from + 1))?.[0];
  if (bare !== undefined) return { expression: { name: bare, op: undefined, rest: '' }, end: from + 1 + bare.length };
  if (text[from + 1] !== '{') return null;
  const close = closing(text, from + 1);
  if (close < 0) return null;
  const inner = text.slice(from + 2, close);
  const name = NAME.exec(inner)?.[0];
  const op = name === undefined ? null : /^(:?[-?+])?/.exec(inner.slice(name.length))![1];
  if (name === undefined || op === null || (op === undefined && inner !== name)) return null;
  return { expression: { name, op, rest: inner.slice(name.length + (op?.length ?? 0)) }, end: close + 1 };
}

function closing(text: string, open: number): number {
  let depth = 0;
  for (let at = open; at < text.length; at += 1) {
    if (text[at] === '{') depth += 1;
    if (text[at] === '}') depth -= 1;
    if (depth === 0) return at;
  }
  return -1;
}

/** `environment: [NAME]` and `NAME:` take the value of the workload's variable, and are nothing without one. */
function handThrough(service: JsonMap, known: ReadonlySet<string>): JsonMap {
  const { environment } = service;
  if (environment === undefined || environment === null) return service;
  const pairs = Array.isArray(environment)
    ? (environment as readonly Json[]).map((entry): [string, Json] => {
        const text = textOf(entry);
        const equals = text.indexOf('=');
        return equals < 0 ? [text, null] : [text.slice(0, equals), text.slice(equals + 1)];
      })
    : isMap(environment)
      ? Object.entries(environment)
      : [];
  const filled = pairs.flatMap(([name, value]): [string, Json][] => {
    if (value !== null) return [[name, value]];
    return known.has(name) ? [[name, `\${${PREFIX}${name}}`]] : [];
  });
  return { ...service, environment: Object.fromEntries(filled) };
}
