import { describe, expect, test } from 'vitest';
import { ConnectionCounts } from '../../src/server/connection-counts.ts';

const UNLIMITED = { maxConnections: Infinity, maxConnectionsPerAddress: Infinity, maxPendingHandshakes: Infinity };

describe('ConnectionCounts', () => {
  test('without limits counts nothing and refuses nobody', () => {
    const counts = new ConnectionCounts(UNLIMITED);
    const network = counts.networkOf('203.0.113.5');
    expect(network).toBe('');
    counts.add(network);
    expect(counts.networkCount).toBe(0);
    expect(counts.refusalOf(network, 1e6, 1e6)).toBeUndefined();
    counts.remove(network);
    expect(counts.networkCount).toBe(0);
  });

  test('counts networks, but no clients without an address', () => {
    const counts = new ConnectionCounts({ ...UNLIMITED, maxConnectionsPerAddress: 2 });
    const network = counts.networkOf('203.0.113.5');
    expect(network).toBe('203.0.113.5');
    counts.add(network);
    expect(counts.refusalOf(network, 0, 0)).toBeUndefined();
    counts.add(network);
    expect(counts.refusalOf(network, 0, 0)).toMatchObject({
      status: 429,
      reason: 'too many connections from your address (maxConnectionsPerAddress 2): close one of them first',
    });
    expect(counts.refusalOf('203.0.113.6', 0, 0)).toBeUndefined();
    counts.remove(network);
    expect(counts.refusalOf(network, 0, 0)).toBeUndefined();
    counts.remove(network);
    counts.remove(network);
    expect(counts.networkCount).toBe(0);
    const none = counts.networkOf('');
    for (let i = 0; i < 5; i++) counts.add(none);
    expect(counts.refusalOf(none, 0, 0)).toBeUndefined();
  });

  test('counts open and pending clients together, and pending clients alone', () => {
    const counts = new ConnectionCounts({ ...UNLIMITED, maxConnections: 10, maxPendingHandshakes: 3 });
    expect(counts.refusalOf('', 7, 2)).toBeUndefined();
    expect(counts.refusalOf('', 8, 2)).toMatchObject({
      status: 503,
      reason: 'the server is full (maxConnections 10): try again later',
    });
    expect(counts.refusalOf('', 0, 3)).toMatchObject({
      status: 503,
      reason: 'too many handshakes are pending (maxPendingHandshakes 3): try again later',
    });
  });
});
