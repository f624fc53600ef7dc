import { describe, expect, it } from 'vitest';
import { isGlobalAddress, isListedAddress } from '#runtime/address-guard';

describe('isGlobalAddress', () => {
  it.each(['1.1.1.1', '8.8.8.8', '140.82.121.4', '172.32.0.1', '2606:4700:4700::1111', '2a00:1450:4001:80b::200e'])(
    'lets %s pass',
    (address) => {
      expect(isGlobalAddress(address)).toBe(true);
    },
  );

  it.each([
    '0.0.0.0',
    '10.0.0.1',
    '100.64.0.1',
    '100.127.255.255',
    '127.0.0.1',
    '169.254.169.254',
    '172.17.0.1',
    '192.0.0.8',
    '192.0.2.1',
    '192.88.99.1',
    '192.168.1.1',
    '198.18.0.1',
    '198.51.100.1',
    '203.0.113.1',
    '224.0.0.1',
    '240.0.0.1',
    '255.255.255.255',
    '::',
    '::1',
    '::127.0.0.1',
    '::ffff:127.0.0.1',
    '::ffff:8.8.8.8',
    '64:ff9b::7f00:1',
    '64:ff9b:1::1',
    '100::1',
    '2001::1',
    '2001:db8::1',
    '2002:7f00:1::',
    '4000::1',
    'fc00::1',
    'fd12:3456::1',
    'fe80::1',
    'fec0::1',
    'ff02::1',
    'localhost',
    '',
  ])('blocks %s', (address) => {
    expect(isGlobalAddress(address)).toBe(false);
  });
});

describe('isListedAddress', () => {
  it('takes addresses and CIDRs of the same family, and passes names over', () => {
    const listed = ['registry.lan', '10.1.0.0/16', '192.168.7.7', 'fd00::/8'];
    expect(
      ['10.1.2.3', '192.168.7.7', 'fd00::1', '::ffff:10.1.0.9'].map((address) => isListedAddress(address, listed)),
    ).toEqual([true, true, true, true]);
    expect(
      ['10.2.0.1', '192.168.7.8', 'fe80::1', 'registry.lan'].map((address) => isListedAddress(address, listed)),
    ).toEqual([false, false, false, false]);
  });
});
