import { expect, test } from 'vitest';
import { startLibraryServer } from '../helpers/library-server.ts';
import { RawClient } from '../helpers/raw-client.ts';
import type { WebSocketConnection } from '../../src/index.ts';
import { recordingHandler } from '../../src/testing.ts';

/** terminate() threw halfway: the status was "Closing", but no close frame had gone out and no deadline was set. */
test('terminate() with a message that is no string still closes the connection', async () => {
  const handler = recordingHandler();
  const { web } = await startLibraryServer(() => handler);
  const client = await RawClient.open(web.HTTPPort);
  const conn = (await handler.opened()) as unknown as WebSocketConnection;
  conn.terminate(4000, 42 as unknown as string);
  await client.endInOrder();
  expect((await handler.ended()).code).toBe(4000);
});
