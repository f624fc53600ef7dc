import { isMap, textOf, type Json, type JsonMap } from './read-file.js';

/** One entry of a service's `volumes`, in either spelling. */
export interface ServiceMount {
  readonly type: string;
  /** Null for an anonymous volume and for memory. */
  readonly source: string | null;
  readonly target: string;
  readonly readOnly: boolean;
}

export function mountsOf(service: JsonMap): readonly ServiceMount[] {
  const { volumes } = service;
  return Array.isArray(volumes) ? (volumes as readonly Json[]).map(mountOf) : [];
}

/** Writes what others read, or what the next generation would find locked. */
export function isStateful(service: JsonMap): boolean {
  return mountsOf(service).some(({ type, readOnly }) => type !== 'tmpfs' && !readOnly);
}

function mountOf(entry: Json): ServiceMount {
  if (isMap(entry)) {
    const { type, source, target } = entry;
    const isReadOnly = entry['read_only'] === true;
    return {
      type: textOf(type ?? 'volume'),
      source: typeof source === 'string' ? source : null,
      target: textOf(target),
      readOnly: isReadOnly,
    };
  }
  return fromShort(textOf(entry));
}

/** `source:target:mode`, `target`; a source that is a path is a bind, any other the name of a volume. */
function fromShort(text: string): ServiceMount {
  const [first = '', second, mode = ''] = splitShort(text);
  if (second === undefined) return { type: 'volume', source: null, target: first, readOnly: false };
  const readOnly = mode.split(',').includes('ro');
  const isPath = /^[./~\\$]/.test(first) || /^[A-Za-z]:[\\/]/.test(first);
  return { type: isPath ? 'bind' : 'volume', source: first, target: second, readOnly };
}

/** A colon inside of `${NAME:-x}` divides nothing. */
function splitShort(text: string): readonly string[] {
  const parts: string[] = [''];
  let depth = 0;
  for (const char of text) {
    if (char === '{') depth += 1;
    if (char === '}') depth -= 1;
    if (char === ':' && depth === 0) parts.push('');
    else parts[parts.length - 1] += char;
  }
  return parts;
}
