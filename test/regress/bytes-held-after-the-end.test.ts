import { expect, test } from 'vitest';
import { parseClientOptions } from '../../src/client/client-options.ts';
import { Connection } from '../../src/connection/connection.ts';
import { MemoryTransport } from '../../src/transport/memory-transport.ts';
import { RecordingConnectionListener } from '../helpers/recording-connection-listener.ts';

/** Droppable messages in the backlog stayed in memory and in bufferedBytes after the end of the connection. */
test('a connection that is over keeps no messages', async () => {
  const [transport, peer] = MemoryTransport.pair();
  const heard = new RecordingConnectionListener();
  const connection = new Connection(transport, Buffer.alloc(0), {
    ...parseClientOptions({ bufferPolicy: 'drop-oldest' }).limits,
    compression: undefined,
    role: 'client',
    decodesText: true,
  });
  connection.start(heard);
  const message = 'x'.repeat(70_000);
  expect([connection.send(message), connection.send(message, undefined, true)]).toEqual(['sent', 'queued']);
  peer.destroy();
  await heard.untilTerminated();
  expect(connection.bufferedBytes).toBe(0);
});
