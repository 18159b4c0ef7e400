import type { ServerHandler } from '4d-websocket';
import { createClock, createPair, testConnection } from '4d-websocket/testing';
import { expect, test } from 'vitest';

const server: ServerHandler = {
  onConnection: () => ({ onMessage: (ws, { data }) => void ws.send(data) }),
};

test('a client comes back, and sends what it could not send before', async () => {
  const clock = createClock();
  await using pair = await createPair(server, null, { clock, client: { reconnect: true } });
  pair.line.down();
  await clock.advance(60_000);
  pair.client.send('still there?');
  pair.line.up();
  await clock.advance(60_000);
  expect(await pair.client.nextMessage()).toBe('still there?');
  expect(pair.client.callbacks.at(-2)).toBe('onReconnect');
});

test('a server gives up a client that answers no ping', async () => {
  const clock = createClock();
  await using pair = await createPair(server, null, { clock, server: { pingIntervalMs: 10_000, pongTimeoutMs: 5000 } });
  pair.line.stall();
  await clock.advance(16_000);
  expect(pair.connection.ending).toMatchObject({ code: 1006, cause: 'heartbeat' });
});

test('a handler alone, with a slow client', async () => {
  const clock = createClock();
  await using connection = await testConnection({ onMessage: (ws, { data }) => void ws.send(data) }, { clock });
  await connection.receive('quick');
  expect(connection.sent).toEqual(['quick']);
  connection.line.slow(1000, 'toClient');
  await connection.receive('x'.repeat(5000));
  expect(connection.sent).toHaveLength(1);
  await clock.advance(6000);
  expect(connection.sent).toHaveLength(2);
});
