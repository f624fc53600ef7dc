/** Loopback and the ranges that are nobody's on the internet (RFC 1918, RFC 4193). */
export const PRIVATE_RANGES: readonly string[] = [
  '127.0.0.0/8',
  '10.0.0.0/8',
  '172.16.0.0/12',
  '192.168.0.0/16',
  '::1/128',
  'fc00::/7',
];

interface Block {
  readonly bits: 32 | 128;
  readonly address: bigint;
}

/**
 * A block of addresses in its one spelling, host bits cleared; a single address is a block of one. Null for anything
 * else, also for what some parsers read in their own way: leading zeros, short forms, zones, IPv4 inside IPv6.
 */
export function canonicalCidr(text: string): string | null {
  const [address = '', prefix, ...rest] = text.split('/');
  const block = v4(address) ?? v6(address);
  if (block === null || rest.length > 0) return null;
  if (prefix !== undefined && !/^(0|[1-9]\d{0,2})$/.test(prefix)) return null;
  const length = prefix === undefined ? block.bits : Number(prefix);
  if (length > block.bits) return null;
  const hostBits = BigInt(block.bits - length);
  const network = (block.address >> hostBits) << hostBits;
  return `${block.bits === 32 ? formatV4(network) : formatV6(network)}/${length}`;
}

function v4(text: string): Block | null {
  const parts = text.split('.');
  if (parts.length !== 4 || !parts.every((part) => /^(0|[1-9]\d{0,2})$/.test(part) && Number(part) < 256)) return null;
  return { bits: 32, address: parts.reduce((sum, part) => (sum << 8n) | BigInt(part), 0n) };
}

function v6(text: string): Block | null {
  const halves = text.split('::');
  if (!/^[0-9a-f:]+$/i.test(text) || halves.length > 2) return null;
  const [head = [], tail = []] = halves.map((half) => (half === '' ? [] : half.split(':')));
  const missing = 8 - head.length - tail.length;
  if (halves.length === 2 ? missing < 1 : missing !== 0) return null;
  const groups = [...head, ...Array.from({ length: missing }, () => '0'), ...tail];
  if (!groups.every((group) => /^[0-9a-f]{1,4}$/i.test(group))) return null;
  const address = groups.reduce((sum, group) => (sum << 16n) | BigInt(`0x${group}`), 0n);
  // ::ffff:0:0/96 is IPv4 by another name: a rule about it would hold for nobody.
  return address >> 32n === 0xffffn ? null : { bits: 128, address };
}

function formatV4(address: bigint): string {
  return [24n, 16n, 8n, 0n].map((shift) => (address >> shift) & 255n).join('.');
}

/** RFC 5952: lower case, the first longest run of zeros left out. */
function formatV6(address: bigint): string {
  const groups = Array.from({ length: 8 }, (_, index) =>
    ((address >> BigInt(112 - index * 16)) & 0xffffn).toString(16),
  );
  let best = { start: 0, length: 0 };
  for (let start = 0; start < 8; start += 1) {
    let length = 0;
    while (groups[start + length] === '0') length += 1;
    if (length > best.length) best = { start, length };
  }
  if (best.length < 2) return groups.join(':');
  return `${groups.slice(0, best.start).join(':')}::${groups.slice(best.start + best.length).join(':')}`;
}
