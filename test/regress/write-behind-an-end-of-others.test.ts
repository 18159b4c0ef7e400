import { expect, test } from 'vitest';
import { RecordingListener } from '../helpers/recording-listener.ts';
import { socketPairs, toTransports } from '../helpers/transport-pairs.ts';

/**
 * A program ends the sockets of its own HTTP server when it shuts down. The next message was then a write after the
 * end, an error for which Node destroyed the socket with all waiting bytes, in both directions.
 */
test.each(['tcp', 'tls', 'unix'] as const)('bytes written to an ended socket are dropped: %s', async (kind) => {
  const [client, server] = await socketPairs[kind]();
  const [left, right] = toTransports([client, server]);
  const [leftHeard, rightHeard] = [RecordingListener.on(left), RecordingListener.on(right)];
  left.write([Buffer.alloc(3_000_000)]);
  client.end();
  left.write([Buffer.from('late')]);
  expect(left.droppedBytes).toBe(4);
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
