import { expect, test } from 'vitest';
import { recordingHandler } from '../../src/testing.ts';
import { createDeferred } from '../helpers/deferred.ts';
import { startServerOf, startLibraryServer } from '../helpers/library-server.ts';
import { RawClient } from '../helpers/raw-client.ts';
import { turns } from '../helpers/turns.ts';

test('a flood of connections is refused with 503 at maxConnections, until a connection ends', async () => {
  const { web, wss } = await startServerOf(recordingHandler(), { maxConnections: 2 });
  const clients = [await RawClient.open(web.HTTPPort), await RawClient.open(web.HTTPPort)];
  const refused = await RawClient.request(web.HTTPPort);
  const { status, body } = await refused.answered;
  expect(status).toBe(503);
  expect(body).toBe('the server is full (maxConnections 2): try again later\n');
  // A reset, a close and a refusal each make room for a new connection.
  clients[0]!.socket.resetAndDestroy();
  for (let i = 0; i < 50 && wss.connections.length > 1; i++) await turns();
  clients.push(await RawClient.open(web.HTTPPort));
  clients[1]!.sendClose(1000);
  await clients[1]!.ended;
  clients[1]!.socket.end();
  for (let i = 0; i < 50 && wss.connections.length > 1; i++) await turns();
  await RawClient.open(web.HTTPPort);
  expect((await (await RawClient.request(web.HTTPPort)).answered).status).toBe(503);
});

test('a client is refused with 429 at maxConnectionsPerAddress, and refusals do not count', async () => {
  let isAccepting = false;
  const { web, wss } = await startLibraryServer(() => (isAccepting ? recordingHandler() : null), {
    maxConnectionsPerAddress: 1,
  });
  for (let i = 0; i < 3; i++) expect((await (await RawClient.request(web.HTTPPort)).answered).status).toBe(403);
  isAccepting = true;
  const client = await RawClient.open(web.HTTPPort);
  const { status, body } = await (await RawClient.request(web.HTTPPort)).answered;
  expect(status).toBe(429);
  expect(body).toContain('maxConnectionsPerAddress 1');
  client.socket.resetAndDestroy();
  for (let i = 0; i < 50 && wss.connections.length > 0; i++) await turns();
  await RawClient.open(web.HTTPPort);
});

test('clients that wait for onConnection get 503 at maxPendingHandshakes, until one of them is reset', async () => {
  const gate = createDeferred();
  const { web } = await startLibraryServer(() => gate.promise.then(() => recordingHandler()), {
    maxPendingHandshakes: 1,
  });
  const first = await RawClient.request(web.HTTPPort);
  await turns();
  const { status, body } = await (await RawClient.request(web.HTTPPort)).answered;
  expect(status).toBe(503);
  expect(body).toContain('maxPendingHandshakes 1');
  first.socket.resetAndDestroy();
  await turns(50);
  const second = await RawClient.request(web.HTTPPort);
  await turns();
  gate.resolve();
  expect((await second.answered).status).toBe(101);
});
