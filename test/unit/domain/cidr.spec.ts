import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { BlockList } from 'node:net';
import { canonicalCidr, PRIVATE_RANGES } from '#domain/cidr';

describe('a range of addresses', () => {
  it.each([
    ['10.1.2.3/8', '10.0.0.0/8'],
    ['192.0.2.7', '192.0.2.7/32'],
    ['0.0.0.0/0', '0.0.0.0/0'],
    ['2001:DB8:0:0:1::/64', '2001:db8::/64'],
    ['2001:db8:0:1:0:0:0:9', '2001:db8:0:1::9/128'],
    ['::', '::/128'],
    ['::1', '::1/128'],
    ['1::/16', '1::/16'],
    ['fe80::1/10', 'fe80::/10'],
    ['1:2:3:4:5:6:7::', '1:2:3:4:5:6:7:0/128'],
  ])('%s is %s', (given, canonical) => expect(canonicalCidr(given)).toBe(canonical));

  it.each(['', '10', '10.0.0', '10.0.0.0/', '10.0.0.0/33', '10.0.0.0/08', '010.0.0.1', '10.0.0.256', '1.2.3.4.5'])(
    '%j is none',
    (given) => expect(canonicalCidr(given)).toBeNull(),
  );
  it.each(['::1/129', ':::', '1::2::3', '1:2:3', '12345::', 'fe80::1%eth0', '::ffff:10.0.0.1', '::ffff:a00:1', 'g::'])(
    '%j is none',
    (given) => expect(canonicalCidr(given)).toBeNull(),
  );
  it.each(['10.0.0.0/8/8', '10.0.0.0 /8', '{env.X}', '0x7f.0.0.1', '127.1', '1:2:3:4:5:6:7:8::'])(
    '%j is none',
    (given) => expect(canonicalCidr(given)).toBeNull(),
  );

  it('written again is the same, and holds what was named', () => {
    const family = fc.constantFrom<'ipv4' | 'ipv6'>('ipv4', 'ipv6');
    fc.assert(
      fc.property(family, fc.ipV4(), fc.ipV6(), fc.nat(32), (kind, four, six, prefix) => {
        const address = kind === 'ipv4' ? four : six;
        const canonical = canonicalCidr(`${address}/${prefix}`);
        // IPv4 in IPv6's clothes is refused.
        if (canonical === null) {
          expect(six).toMatch(/\.|^::ffff|^0*:/i);
          return;
        }
        expect(canonicalCidr(canonical)).toBe(canonical);
        const list = new BlockList();
        const [network = '', length] = canonical.split('/');
        list.addSubnet(network, Number(length), kind);
        expect(list.check(address, kind)).toBe(true);
      }),
    );
  });

  it('is private in one spelling', () => {
    expect(PRIVATE_RANGES.map(canonicalCidr)).toEqual(PRIVATE_RANGES);
  });
});
