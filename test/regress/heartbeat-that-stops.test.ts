import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { parseClientOptions } from '../../src/client/client-options.ts';
import { PeerMonitor } from '../../src/connection/peer-monitor.ts';
import { turns } from '../helpers/turns.ts';

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] });
});

afterEach(() => {
  vi.useRealTimers();
});

/**
 * The answer to a ping sets no deadline, so the next ping waited for the deadline of the ping before: for pongTimeoutMs
 * where that is longer than pingIntervalMs, and for ever where pongTimeoutMs is Infinity.
 */
test.each([60_000, Infinity])('a peer that answers is pinged in each interval: pongTimeoutMs %s', async (ms) => {
  let pings = 0;
  const limits = parseClientOptions({ pingIntervalMs: 10_000, pongTimeoutMs: ms }).limits;
  const monitor = new PeerMonitor(
    {
      component: 'HTTP',
      isReading: true,
      sendPing: () => pings++,
      sendPong: () => {},
      onLimitExceeded: () => {},
    },
    limits,
  );
  monitor.onResume();
  for (let expected = 1; expected <= 4; expected++) {
    for (let i = 0; i < 10; i++) {
      vi.advanceTimersByTime(1010);
      await turns(2);
    }
    expect(pings).toBe(expected);
    monitor.onBytes(0, 0);
  }
  monitor.stop();
});
