import { parseDocument } from 'yaml';

export type Json = null | boolean | number | string | readonly Json[] | JsonMap;
export interface JsonMap {
  readonly [key: string]: Json;
}

/** A Compose file without its comments, anchors and merges: plain JSON, whatever it was written like. */
export interface ComposeFile {
  readonly services: Readonly<Record<string, JsonMap>>;
  readonly networks: Readonly<Record<string, JsonMap | null>>;
  readonly volumes: Readonly<Record<string, JsonMap | null>>;
  readonly secrets: Readonly<Record<string, JsonMap | null>>;
  readonly configs: Readonly<Record<string, JsonMap | null>>;
  /** Top-level keys that are none of these. */
  readonly others: readonly string[];
}

const SECTIONS = ['services', 'networks', 'volumes', 'secrets', 'configs'] as const;
/** Becomes an argument: never an option. */
const SERVICE = /^[a-zA-Z0-9][a-zA-Z0-9._-]{0,99}$/;
const DEEPEST = 40;
/** Characters once aliases are expanded. */
const MOST_CHARACTERS = 1_000_000;

/** The file, or why it is none, for people. Never throws. */
export function readFile(text: string): { readonly file: ComposeFile } | { readonly problem: string } {
  try {
    return { file: fileOf(plainOf(text)) };
  } catch (error) {
    if (error instanceof BadFile) return { problem: error.message };
    if (error instanceof RangeError) return { problem: 'is nested too deeply' };
    // What the library throws of aliases that would fill the memory.
    if (error instanceof ReferenceError) return { problem: 'holds aliases that grow without measure' };
    throw error;
  }
}

class BadFile extends Error {}

function plainOf(text: string): Json {
  const document = parseDocument(text, { version: '1.2', merge: true, prettyErrors: true, logLevel: 'error' });
  const wrong = document.errors[0] ?? document.warnings[0];
  // Too deep for the parser itself.
  if (wrong?.message.startsWith('Maximum call stack')) throw new BadFile('is nested too deeply');
  if (wrong !== undefined) throw new BadFile(`is no valid YAML: ${wrong.message.split('\n')[0]!.replace(/:$/, '')}`);
  const plain = document.toJS({ maxAliasCount: 100 }) as unknown;
  requirePlain(plain, 0);
  if (JSON.stringify(plain).length > MOST_CHARACTERS) throw new BadFile('is too large once its aliases are expanded');
  return plain as Json;
}

function requirePlain(value: unknown, depth: number): void {
  if (depth > DEEPEST) throw new BadFile('is nested too deeply');
  if (value === null || typeof value === 'boolean' || typeof value === 'string') return;
  if (typeof value === 'number' && Number.isFinite(value)) return;
  if (Array.isArray(value)) return value.forEach((each) => requirePlain(each, depth + 1));
  const isMap = typeof value === 'object' && Object.getPrototypeOf(value) === Object.prototype;
  if (!isMap) throw new BadFile('holds a value that is no text, number, list or map');
  for (const [key, inner] of Object.entries(value)) {
    if (key === '__proto__') throw new BadFile('holds a key __proto__');
    requirePlain(inner, depth + 1);
  }
}

function fileOf(plain: Json): ComposeFile {
  if (!isMap(plain)) throw new BadFile('must be a map with services');
  const sections = SECTIONS.map((name) => [name, sectionOf(plain, name)] as const);
  const file = Object.fromEntries(sections) as unknown as ComposeFile;
  for (const [name, service] of Object.entries(file.services)) {
    if (!SERVICE.test(name)) throw new BadFile(`services.${name.slice(0, 40)} is no name for a service`);
    if (!isMap(service)) throw new BadFile(`services.${name} must be a map`);
  }
  if (Object.keys(file.services).length === 0) throw new BadFile('has no services');
  // The version of the format is history; the project's name is the workload's to say.
  const isOurs = (key: string) => key in file || key === 'version' || key === 'name' || key.startsWith('x-');
  return { ...file, others: Object.keys(plain).filter((key) => !isOurs(key)) };
}

function sectionOf(plain: JsonMap, name: string): JsonMap {
  const section = plain[name] ?? {};
  if (!isMap(section)) throw new BadFile(`${name} must be a map`);
  for (const [key, value] of Object.entries(section))
    if (value !== null && !isMap(value)) throw new BadFile(`${name}.${key.slice(0, 40)} must be a map`);
  return section;
}

export function isMap(value: Json | undefined): value is JsonMap {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** A plain value as it is written; nothing of a list or a map. */
export function textOf(value: Json | undefined): string {
  return value === undefined || value === null || typeof value === 'object' ? '' : String(value);
}

export function listOf(value: Json | undefined): readonly Json[] {
  return Array.isArray(value) ? (value as readonly Json[]) : [];
}
