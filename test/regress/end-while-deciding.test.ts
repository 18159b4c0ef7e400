import { expect, test } from 'vitest';
import { createDeferred } from '../helpers/deferred.ts';
import { startLibraryServer } from '../helpers/library-server.ts';
import { RawClient } from '../helpers/raw-client.ts';
import { RecordingHandler } from '../helpers/recording-handler.ts';
import { RecordingServerHandler } from '../helpers/recording-server-handler.ts';
import { turns } from '../helpers/turns.ts';

/** Node emitted 'end' before the connection listened to its socket, so the connection stayed open for ever. */
test('a connection whose peer ended TCP while onConnection was deciding ends with 1006', async () => {
  const decision = createDeferred<RecordingHandler>();
  const connection = new RecordingHandler();
  const server = new RecordingServerHandler({ onConnection: () => decision.promise });
  const { web, wss } = await startLibraryServer(server);
  const client = await RawClient.request(web.HTTPPort);
  await server.calls.atLeast(2);
  client.socket.end();
  // The end of TCP must arrive before the decision.
  await turns(50);
  decision.resolve(connection);
  expect((await connection.terminated).code).toBe(1006);
  expect(connection.names).toEqual(['onOpen', 'onError', 'onTerminate']);
  expect(wss.connections).toEqual([]);
  await client.closed;
});
