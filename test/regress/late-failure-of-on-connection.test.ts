import { expect, test } from 'vitest';
import { createDeferred } from '../helpers/deferred.ts';
import { startLibraryServer } from '../helpers/library-server.ts';
import { RawClient } from '../helpers/raw-client.ts';
import { RecordingServerHandler } from '../helpers/recording-server-handler.ts';
import { turns } from '../helpers/turns.ts';

/** The failure of onConnection was dropped together with the client, so that the user never saw it. */
test('onConnection that fails after its client has gone is reported to onError', async () => {
  const decision = createDeferred<null>();
  const server = new RecordingServerHandler({ onConnection: () => decision.promise });
  const { web } = await startLibraryServer(server);
  const client = await RawClient.request(web.HTTPPort);
  await server.calls.atLeast(2);
  client.socket.resetAndDestroy();
  await turns();
  decision.reject(new Error('database gone'));
  await server.calls.atLeast(3);
  expect(server.errors.map(({ errors }) => errors[0]!.message)).toEqual(['onConnection failed: database gone']);
});
