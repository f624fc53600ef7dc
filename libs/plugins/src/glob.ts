import { RE2JS } from 're2js';

/** A glob that was compiled: linear in the text, whatever the pattern (RE2). */
export interface Glob {
  readonly matches: (text: string) => boolean;
}

const MOST_CHARACTERS = 200;

/**
 * `*` and `?` stay within a segment, `**` crosses segments, `[a-z]` and `{a,b}` choose; names that begin with a dot
 * are as any other, and `feature/**` takes `feature` too. Throws what {@link globProblem} says.
 */
export function compileGlob(pattern: string): Glob {
  const compiled = RE2JS.compile(`^(?:${translate(pattern)})$`, RE2JS.DOTALL);
  return { matches: (text) => compiled.matches(text) };
}

/** Why the text is no glob, for people; null when it is one. */
export function globProblem(pattern: string): string | null {
  if (pattern === '') return 'is empty';
  if (pattern.length > MOST_CHARACTERS) return `has more than ${MOST_CHARACTERS} characters`;
  if (/[\x00-\x1f\x7f]/.test(pattern)) return 'has a control character';
  try {
    compileGlob(pattern);
    return null;
  } catch (error) {
    return error instanceof Error ? error.message : 'it does not compile';
  }
}

/**
 * Patterns in order, the last that matches decides, and `!` before one takes out. A list that begins with `!` starts
 * from everything. Returns the pattern that let the text in, or null; `**` for "nothing took it out".
 */
export function admits(patterns: readonly string[]): (text: string) => string | null {
  const rules = patterns.map((pattern) => {
    const isOut = pattern.startsWith('!');
    return { pattern, isOut, glob: compileGlob(isOut ? pattern.slice(1) : pattern) };
  });
  return (text) =>
    rules.reduce<string | null>(
      (let_in, { pattern, isOut, glob }) => (glob.matches(text) ? (isOut ? null : pattern) : let_in),
      rules[0]?.isOut ? '**' : null,
    );
}

function translate(pattern: string): string {
  // Repeated, `**/` says nothing more.
  const text = pattern.replaceAll(/(?:\*\*\/){2,}/g, '**/').replaceAll(/\*{3,}/g, '**');
  let out = '';
  let isInBraces = false;
  for (let at = 0; at < text.length;) {
    const token = readToken(text, at, isInBraces);
    if (token.braces !== undefined) isInBraces = token.braces;
    out += token.out;
    at += token.length;
  }
  if (isInBraces) throw new Error('has a { that is not closed');
  return out;
}

interface Token {
  readonly out: string;
  readonly length: number;
  readonly braces?: boolean;
}

function readToken(text: string, at: number, isInBraces: boolean): Token {
  const rest = text.slice(at);
  const isSegmentStart = at === 0 || text[at - 1] === '/';
  if (rest === '/**') return { out: '(?:/.*)?', length: 3 };
  if (isSegmentStart && rest.startsWith('**/')) return { out: '(?:.*/)?', length: 3 };
  if (rest.startsWith('**')) return { out: '.*', length: 2 };
  const character = rest[0]!;
  if (character === '*') return { out: '[^/]*', length: 1 };
  if (character === '?') return { out: '[^/]', length: 1 };
  if (character === '[') return readClass(rest);
  if (character === '{') {
    if (isInBraces) throw new Error('has braces in braces');
    return { out: '(?:', length: 1, braces: true };
  }
  if (isInBraces && character === '}') return { out: ')', length: 1, braces: false };
  if (isInBraces && character === ',') return { out: '|', length: 1 };
  if (character === '\\' && rest.length > 1) return { out: RE2JS.quote(rest[1]!), length: 2 };
  return { out: RE2JS.quote(character), length: 1 };
}

/** `[abc]`, `[a-z]`, `[!abc]`: never a slash. */
function readClass(rest: string): Token {
  const found = /^\[(!|\^)?([^\]\\[]+)\]/.exec(rest);
  if (found === null) throw new Error('has a [ that is not closed');
  const [whole, not, members = ''] = found;
  const quoted = members.replaceAll(/[\\^&~]/g, '\\$&');
  return { out: not === undefined ? `[${quoted}]` : `[^/${quoted}]`, length: whole.length };
}
