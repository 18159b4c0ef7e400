import { describe, expect, test } from 'vitest';
import { toNetwork } from '../../src/session/network-counts.ts';

describe('toNetwork', () => {
  test.each([
    ['203.0.113.5', '203.0.113.5'],
    ['', ''],
    ['::ffff:203.0.113.5', '203.0.113.5'],
    ['2001:db8:1:2:3:4:5:6', '2001:db8:1:2::/64'],
    ['2001:db8:1:2::6', '2001:db8:1:2::/64'],
    ['2001:db8::6', '2001:db8:0:0::/64'],
    ['2001:db8::5:6:7:8:9', '2001:db8:0:5::/64'],
    ['::1', '0:0:0:0::/64'],
    ['fe80::1%eth0', 'fe80:0:0:0::/64'],
  ])('%s belongs to %s', (address, network) => {
    expect(toNetwork(address)).toBe(network);
  });
});
