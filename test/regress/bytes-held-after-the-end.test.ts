import { expect, test } from 'vitest';
import { checkClientOptions } from '../../src/client/client-options.ts';
import { Connection } from '../../src/connection/connection.ts';
import { MemoryTransport } from '../../src/transport/memory-transport.ts';
import { RecordingConnectionListener } from '../helpers/recording-connection-listener.ts';

/** Messages that could still have been dropped stayed, and were counted, for as long as the socket's object was kept. */
test('a connection that is over holds no messages', async () => {
  const [transport, peer] = MemoryTransport.pair();
  const heard = new RecordingConnectionListener();
  const driver = new Connection(transport, Buffer.alloc(0), heard, {
    ...checkClientOptions({ bufferPolicy: 'drop-oldest' }),
    compression: undefined,
    role: 'client',
    decodesText: true,
  });
  const message = 'x'.repeat(70_000);
  expect([driver.send(message), driver.send(message, undefined, true)]).toEqual(['sent', 'queued']);
  peer.destroy();
  await heard.untilTerminated();
  expect(driver.bufferedBytes).toBe(0);
});
