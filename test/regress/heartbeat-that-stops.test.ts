import { expect, test } from 'vitest';
import { parseClientOptions } from '../../src/client/client-options.ts';
import { PeerMonitor } from '../../src/connection/peer-monitor.ts';
import { useFakeClock } from '../helpers/fake-clock.ts';

/**
 * The answer to a ping sets no deadline, so the next ping waited for the deadline of the ping before: for pongTimeoutMs
 * where that is longer than pingIntervalMs, and for ever where pongTimeoutMs is Infinity.
 */
test.each([60_000, Infinity])('a peer that answers is pinged in each interval: pongTimeoutMs %s', async (ms) => {
  const clock = useFakeClock();
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
    await clock.advance(10_100);
    expect(pings).toBe(expected);
    monitor.onBytes(0, 0);
  }
  monitor.stop();
});
