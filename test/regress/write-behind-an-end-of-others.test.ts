import { expect, test } from 'vitest';
import { RecordingListener } from '../helpers/recording-listener.ts';
import { socketPairs, toTransports } from '../helpers/transport-pairs.ts';

/**
 * Programs end the sockets of their own HTTP server when they shut down. The next message was a write behind that end: an
 * error, by which Node destroyed the socket with all that waited, in both directions.
 */
test.each(['tcp', 'tls', 'unix'] as const)('bytes written behind an end by others are dropped: %s', async (kind) => {
  const [client, server] = await socketPairs[kind]();
  const [left, right] = toTransports([client, server]);
  const [leftHeard, rightHeard] = [RecordingListener.on(left), RecordingListener.on(right)];
  left.write([Buffer.alloc(3_000_000)]);
  client.end();
  expect(left.write([Buffer.from('late')])).toBe(true);
  await rightHeard.until(() => rightHeard.events.length > 0);
  expect([rightHeard.byteCount, rightHeard.events]).toEqual([3_000_000, ['end']]);
  right.write([Buffer.from('still here')]);
  right.end();
  await leftHeard.until(() => leftHeard.events.includes('closed'));
  expect([leftHeard.bytes.toString(), leftHeard.events, leftHeard.error]).toEqual([
    'still here',
    ['end', 'closed'],
    undefined,
  ]);
});
