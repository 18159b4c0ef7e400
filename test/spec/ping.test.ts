import { describe, expect, onTestFinished, test } from 'vitest';
import { WebSocket } from '../../src/index.ts';
import { useFakeClock } from '../helpers/fake-clock.ts';
import { sides } from '../helpers/sides.ts';

describe.each(sides)('ping() on the $name side', (side) => {
  test('4D-217 resolves to the time until its pong', async () => {
    const { ws } = await side.connect();
    const [first, second] = await Promise.all([ws.ping(), ws.ping()]);
    expect(first).toBeGreaterThanOrEqual(0);
    expect(second).toBeGreaterThanOrEqual(0);
  });

  test('4D-217 has a payload of its own, and a pong for a later ping answers earlier ones', async () => {
    const { ws, send, frames } = await side.connectRaw();
    const answered: number[] = [];
    const pings = [0, 1, 2].map(async (index) => {
      await ws.ping();
      answered.push(index);
    });
    const payloads = (await frames.atLeast(3)).slice(-3).map((frame) => frame.split(' ')[1]!);
    expect(new Set(payloads).size).toBe(3);
    expect(payloads.every((payload) => payload.length === 16)).toBe(true);
    send(['8a', '0102'], ['8a', payloads[1]!]);
    await pings[1];
    expect(answered).toEqual([0, 1]);
    send(['8a', payloads[0]!], ['8a', payloads[2]!]);
    await pings[2];
    expect(answered).toEqual([0, 1, 2]);
  });

  test('4D-217 is undefined when the connection ends first, and when it is not open', async () => {
    const { ws, handler, end } = await side.connectRaw();
    const pinged = ws.ping();
    end();
    expect(await pinged).toBeUndefined();
    await handler.ended();
    expect(await ws.ping()).toBeUndefined();
  });

  test('4D-217 counts as the ping of the heartbeat', async () => {
    const clock = useFakeClock();
    const { ws, handler } = await side.connectRaw({}, { pingIntervalMs: 60_000, pongTimeoutMs: 1000 });
    const pinged = ws.ping();
    await clock.advance(2000);
    expect((await handler.ended()).code).toBe(1006);
    expect(handler.errors.map(({ error }) => error.code)).toEqual(['ERR_HEARTBEAT']);
    expect(await pinged).toBeUndefined();
  });
});

test('4D-217 ping() of a client that is not connected is undefined', async () => {
  const ws = new WebSocket('ws://127.0.0.1:1/');
  onTestFinished(() => ws.terminate());
  expect(await ws.ping()).toBeUndefined();
  await ws.ready;
});
