import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { oneLine } from '#domain/one-line';

describe('the message that is kept', () => {
  const bytes = (text: string) => Buffer.byteLength(text, 'utf8');

  it('is one line', () => {
    expect(oneLine(' pull failed:\r\n\tno route\u0000to\u2028host \n')).toBe('pull failed: no route to host');
  });

  it('of 240 bytes stays whole, of 241 is cut', () => {
    expect(oneLine('a'.repeat(240))).toBe('a'.repeat(240));
    expect(oneLine('a'.repeat(241))).toBe(`${'a'.repeat(237)}…`);
  });

  it.each([
    ['é', 118],
    ['€', 79],
    ['🚢', 59],
  ])('is cut between code points: %s', (character, kept) => {
    const cut = oneLine(character.repeat(200));
    expect(cut).toBe(`${character.repeat(kept)}…`);
    expect(bytes(cut)).toBeLessThanOrEqual(240);
  });

  it('fits, on one line, well-formed, whatever the text', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme', minLength: 0, maxLength: 400 }), (text) => {
        const cut = oneLine(text);
        expect(bytes(cut)).toBeLessThanOrEqual(240);
        expect(cut).not.toContain('\ufffd');
        expect(cut).not.toMatch(/[\u0000-\u001f\u007f\u2028\u2029]/);
      }),
    );
  });

  it('is redacted before it is cut: no half of a secret is left', () => {
    expect(oneLine(`${'a'.repeat(230)} hunter2-hunter2`, ['hunter2-hunter2'])).not.toContain('hunt');
  });

  it('loses a secret that holds another one whole', () => {
    expect(oneLine('it is abcdef, not abc', ['abc', 'abcdef', ''])).toBe('it is •••, not •••');
  });
});
