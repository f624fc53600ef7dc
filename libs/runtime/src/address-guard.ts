import ipaddr from 'ipaddr.js';
import { lookup as dnsLookup, type LookupAddress, type LookupOptions } from 'node:dns';
import { isIP, type LookupFunction } from 'node:net';
import { TerminalError } from '#domain/errors';

type Cidr = [ipaddr.IPv4 | ipaddr.IPv6, number];

/** IPv6 that is routed to everyone is 2000::/3; what ipaddr.js calls unicast outside of it is not. */
const GLOBAL_IPV6 = ipaddr.parseCIDR('2000::/3') as [ipaddr.IPv6, number];

/**
 * True for an address of the public internet alone: not private, loopback, link-local, carrier-grade NAT, benchmarking,
 * documentation, multicast, reserved, nor an IPv6 form that carries an IPv4 address (mapped, NAT64, 6to4, Teredo).
 */
export function isGlobalAddress(address: string): boolean {
  if (!ipaddr.isValid(address)) return false;
  const parsed = ipaddr.parse(address);
  if (parsed.range() !== 'unicast') return false;
  return parsed.kind() === 'ipv4' || (parsed as ipaddr.IPv6).match(GLOBAL_IPV6);
}

/** `entries`: CIDRs and single addresses; host names among them are passed over. */
export function isListedAddress(address: string, entries: readonly string[]): boolean {
  if (!ipaddr.isValid(address)) return false;
  const parsed = ipaddr.process(address);
  return entries.some((entry) => {
    const cidr = parseEntry(entry);
    return cidr !== null && cidr[0].kind() === parsed.kind() && parsed.match(cidr);
  });
}

/** A name's addresses, less those that may not be reached; what is left is what gets connected to, so a second answer of DNS changes nothing. */
export function guardedLookup(mayReach: (address: string) => boolean): LookupFunction {
  return (hostname, options, callback) => {
    const all: LookupOptions & { all: true } = { ...options, all: true };
    dnsLookup(hostname, all, (error, addresses) => {
      if (error) return callback(error, '', 0);
      const allowed = addresses.filter(({ address }) => mayReach(address));
      const [first] = allowed;
      if (!first) return callback(blocked(hostname), '', 0);
      if (options.all) return (callback as unknown as AllCallback)(null, allowed);
      callback(null, first.address, first.family);
    });
  };
}

/** A literal address is never looked up, so it is checked by itself; names pass here and are checked by the lookup. */
export function refuseBlockedLiteral(hostname: string, mayReach: (address: string) => boolean): void {
  const bare = hostname.replace(/^\[|\]$/g, '');
  if (isIP(bare) !== 0 && !mayReach(bare)) throw blocked(hostname);
}

type AllCallback = (error: null, addresses: LookupAddress[]) => void;

function blocked(hostname: string): TerminalError {
  return new TerminalError(
    'blocked-address',
    `${hostname} is no address of the public internet, and private ones are not reached. If it is meant, name the host in a registry or notifier record or in the settings.`,
    'operator',
  );
}

function parseEntry(entry: string): Cidr | null {
  if (ipaddr.isValidCIDR(entry)) return ipaddr.parseCIDR(entry);
  if (!ipaddr.isValid(entry)) return null;
  const address = ipaddr.process(entry);
  return [address, address.kind() === 'ipv4' ? 32 : 128];
}
