import { expect, test } from 'vitest';
import type { CompressionOptions, WebSocketConnection } from '../../src/index.ts';
import { lenientBudget } from '../../src/connection/lenient-inflater.ts';
import { deflateMessage } from '../helpers/deflate.ts';
import { startServerOf } from '../helpers/library-server.ts';
import { RawClient } from '../helpers/raw-client.ts';
import { turns } from '../helpers/turns.ts';

// The clients of Tornado and Mojolicious keep their context although the answer says client_no_context_takeover.

const MESSAGE = Buffer.from('{"type":"greeting","text":"good morning"}');
const REFERRING = deflateMessage(MESSAGE, { dictionary: MESSAGE });

const onMessage = (ws: WebSocketConnection, { data }: { data: unknown }): unknown => ws.send(data as string);

async function openClient(offer: string, compression: true | CompressionOptions): Promise<RawClient> {
  const { web } = await startServerOf({ onMessage }, { compression });
  return RawClient.open(web.HTTPPort, { headers: [`Sec-WebSocket-Extensions: ${offer}`] });
}

test.each<[offer: string, compression: true | CompressionOptions, windowBytes: number]>([
  ['permessage-deflate', true, 32_768],
  ['permessage-deflate; client_max_window_bits', true, 32_768],
  ['permessage-deflate; client_max_window_bits', { clientMaxWindowBits: 9 }, 512],
  // It cannot limit its window, so it is told to keep no context instead.
  ['permessage-deflate', { clientMaxWindowBits: 9, clientNoContextTakeover: false }, 32_768],
])('a server reads a client that offers %s, and keeps its context (%j)', async (offer, compression, windowBytes) => {
  const client = await openClient(offer, compression);
  for (let i = 0; i < 20; i++) {
    client.send('c1', i === 0 ? deflateMessage(MESSAGE) : REFERRING);
    expect(await client.nextFrame()).toBe(`81 ${MESSAGE.toString('hex')}`);
  }
  expect(lenientBudget.heldBytes).toBe(Math.min(windowBytes, MESSAGE.length * 20));
  client.socket.destroy();
  while (lenientBudget.heldBytes > 0) await turns(1);
});

test('a server does not believe a client that has offered to keep no context, and then does', async () => {
  const client = await openClient('permessage-deflate; client_no_context_takeover', true);
  client.send('c1', deflateMessage(MESSAGE));
  expect(await client.nextFrame()).toBe(`81 ${MESSAGE.toString('hex')}`);
  expect(lenientBudget.heldBytes).toBe(0);
  client.send('c1', REFERRING);
  expect(await client.nextClose()).toMatch(/^88 03ef/);
});
