import { expect, test } from 'vitest';
import { recordingHandler, type RecordingHandler, recordingServerHandler } from '../../src/testing.ts';
import { createDeferred } from '../helpers/deferred.ts';
import { startLibraryServer } from '../helpers/library-server.ts';
import { RawClient } from '../helpers/raw-client.ts';
import { turns } from '../helpers/turns.ts';

/** Node emitted 'end' before the connection listened to its socket, so the connection stayed open for ever. */
test('a connection whose peer ended TCP while onConnection was deciding ends with 1006', async () => {
  const decision = createDeferred<RecordingHandler<unknown>>();
  const connection = recordingHandler();
  const server = recordingServerHandler({ onConnection: () => decision.promise });
  const { web, wss } = await startLibraryServer(server);
  const client = await RawClient.request(web.HTTPPort);
  await server.nextEvent('connection');
  client.socket.end();
  // The end of TCP must arrive before the decision.
  await turns(50);
  decision.resolve(connection);
  expect((await connection.ended()).code).toBe(1006);
  expect(connection.callbacks).toEqual(['onOpen', 'onError', 'onTerminate']);
  expect(wss.connections).toEqual([]);
  await client.closed;
});
