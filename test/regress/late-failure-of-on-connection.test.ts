import { expect, test } from 'vitest';
import { recordingServerHandler } from '../../src/testing.ts';
import { createDeferred } from '../helpers/deferred.ts';
import { startLibraryServer } from '../helpers/library-server.ts';
import { RawClient } from '../helpers/raw-client.ts';
import { turns } from '../helpers/turns.ts';

/** The failure of onConnection was dropped together with the client, so that the user never saw it. */
test('onConnection that fails after its client has gone is reported to onError', async () => {
  const decision = createDeferred<null>();
  const server = recordingServerHandler({ onConnection: () => decision.promise });
  const { web } = await startLibraryServer(server);
  const client = await RawClient.request(web.HTTPPort);
  await server.nextEvent('connection');
  client.socket.resetAndDestroy();
  await turns();
  decision.reject(new Error('database gone'));
  await server.nextEvent('error');
  expect(server.errors.map(({ errors }) => errors[0]!.message)).toEqual(['onConnection failed: database gone']);
});
