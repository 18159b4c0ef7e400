import { createClock, createPair, testConnection } from '4d-websocket/testing';
import { expect, onTestFinished, test } from 'vitest';

const echo = { onMessage: (ws, { data }) => ws.send(data) };
const server = { onConnection: () => echo };

/** Stops the time of the library until the test is over. */
function useClock() {
  const clock = createClock();
  onTestFinished(() => clock.restore());
  return clock;
}

test('a client comes back, and sends what it could not send before', async () => {
  const clock = useClock();
  const pair = await createPair(server, null, { client: { reconnect: true } });
  pair.line.down();
  await clock.advance(60_000);
  pair.client.send('still there?');
  pair.line.up();
  await clock.advance(60_000);
  expect(await pair.client.nextMessage()).toBe('still there?');
  expect(pair.client.events.at(-2)).toMatchObject({ type: 'reconnect' });
  await pair.end();
});

test('a server gives up a client that answers no ping', async () => {
  const clock = useClock();
  const pair = await createPair(server, null, { server: { pingIntervalMs: 10_000, pongTimeoutMs: 5000 } });
  pair.line.stall();
  await clock.advance(16_000);
  expect(pair.connection.ending).toMatchObject({ code: 1006, cause: 'heartbeat' });
  await pair.end();
});

test('a handler alone, with a slow client', async () => {
  const clock = useClock();
  const connection = await testConnection(echo);
  await connection.receive('quick');
  expect(connection.sent).toEqual(['quick']);
  connection.line.slow(1000, 'toClient');
  await connection.receive('x'.repeat(5000));
  expect(connection.sent).toHaveLength(1);
  await clock.advance(6000);
  expect(connection.sent).toHaveLength(2);
  await connection.end();
});
