const MOST_BYTES = 240;

/** What may be stored or sent of an error's text: known secrets blanked, one line, at most 240 bytes, cut at a code point. */
export function oneLine(text: string, secrets: readonly string[] = []): string {
  const line = blank(text, secrets)
    .replace(/[\u0000-\u001f\u007f\u2028\u2029]+/g, ' ')
    .trim();
  const bytes = Buffer.from(line, 'utf8');
  if (bytes.length <= MOST_BYTES) return line;
  let end = MOST_BYTES - 3;
  while ((bytes[end]! & 0xc0) === 0x80) end -= 1;
  return `${bytes.subarray(0, end).toString('utf8')}…`;
}

/** The longest first: one may hold another. */
export function blank(text: string, secrets: readonly string[]): string {
  const known = secrets.filter((secret) => secret !== '').sort((a, b) => b.length - a.length);
  return known.reduce((rest, secret) => rest.replaceAll(secret, '•••'), text);
}
