import { once } from 'node:events';
import { pipeline } from 'node:stream/promises';
import { expect, test } from 'vitest';
import { createWebSocketStream, WebSocket } from '../../src/ws.ts';
import { closed, connectPeers, serve } from './peers.ts';

test('carries bytes both ways, and ends both sides', async () => {
  const { client, server } = await connectPeers();
  const far = createWebSocketStream(server);
  const echoed = pipeline(far, far);
  const near = createWebSocketStream(client);
  const sent = Buffer.alloc(3_000_000, 'abc');
  for (let at = 0; at < sent.length; at += 50_000) near.write(sent.subarray(at, at + 50_000));
  const chunks: Buffer[] = [];
  let byteCount = 0;
  near.on('data', (chunk: Buffer) => {
    chunks.push(chunk);
    byteCount += chunk.length;
    if (byteCount === sent.length) near.end();
  });
  await once(near, 'close');
  await echoed;
  expect(Buffer.concat(chunks).equals(sent)).toBe(true);
});

test('a reader that does not read slows the sender down', async () => {
  const { client, server } = await connectPeers();
  const stream = createWebSocketStream(client);
  for (let i = 0; i < 20; i++) server.send(Buffer.alloc(10_000));
  await once(stream, 'readable');
  while (!client.isPaused) await new Promise(setImmediate);
  expect(stream.readableLength).toBeLessThan(200_000);
  stream.resume();
  server.close();
  await once(stream, 'end');
  stream.end();
  await once(stream, 'close');
});

test('writes wait for the connection; readableObjectMode gives texts as strings', async () => {
  const { wss, url } = await serve();
  wss.on('connection', (ws) => ws.on('message', (data) => ws.send(data as Buffer, { binary: false })));
  const stream = createWebSocketStream(new WebSocket(url), { readableObjectMode: true });
  stream.write('early');
  expect(await once(stream, 'data')).toEqual(['early']);
  stream.end();
  await once(stream, 'close');
});

test('destroy() ends the connection, and an error of the connection destroys the stream', async () => {
  const { client, server } = await connectPeers();
  createWebSocketStream(client).destroy();
  expect(await closed(server)).toEqual([1006, '']);
  const broken = createWebSocketStream(new WebSocket('ws://127.0.0.1:1'));
  const [error] = (await once(broken, 'error')) as [NodeJS.ErrnoException];
  expect(error.code).toBe('ECONNREFUSED');
  if (!broken.closed) await once(broken, 'close');
});
