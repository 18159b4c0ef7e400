import { expect, onTestFinished, test } from 'vitest';
import type { ConnectionHandler, WebSocket, WebSocketConnection } from '../../src/index.ts';
import { createPair, recordingClientHandler, type RecordingClientHandler, type TestClock } from '../../src/testing.ts';
import { useFakeClock } from '../helpers/fake-clock.ts';
import { Inbox } from '../helpers/inbox.ts';
import { Turnstile } from '../helpers/turnstile.ts';
import { turns } from '../helpers/turns.ts';

/** Number of messages: some MB in all, far more than a line in memory takes for a server that does not read. */
const MESSAGES = 60;
/** Text that is long enough to be compressed in zlib's thread pool. */
const FILLING = Array.from({ length: 6000 }, (_, i) => `${(i * 2_654_435_761) % 1e9}`.padEnd(10)).join('');

const textOf = (n: number): string => `${n} ${FILLING}`;

const numberOf = (text: string): number => Number(text.slice(0, text.indexOf(' ')));

const range = (from: number, to: number): number[] => Array.from({ length: to - from }, (_, i) => from + i);

/** One connection of the slow server, with the numbers of its messages in order. */
interface Arrival {
  readonly connection: WebSocketConnection;
  readonly numbers: number[];
}

/**
 * Starts a client that has lost its connection and has sent messages since, and a server that handles a message only
 * when the turnstile lets it.
 */
async function loseAndSend(compression: boolean) {
  const clock = useFakeClock();
  const turnstile = new Turnstile();
  const arrivals = new Inbox<Arrival>();
  const onConnection = (): ConnectionHandler => {
    const numbers: number[] = [];
    return {
      onOpen: (connection) => arrivals.push({ connection, numbers }),
      onMessage: async (_, { data }) => {
        await turnstile.pass();
        numbers.push(numberOf(data));
      },
    };
  };
  const handler = recordingClientHandler({ onReconnect: (ws) => ws.send('-1 first of all') });
  const reconnect = { shouldReconnect: () => true, maxDelayMs: 1000, maxQueuedBytes: Infinity };
  const server = { compression, maxWaitingMessages: 1 };
  const pair = await createPair({ onConnection }, handler, { server, client: { compression, reconnect } });
  const { ws } = pair.client;
  onTestFinished(async () => {
    ws.terminate();
    turnstile.allow(Infinity);
    await handler.ended();
    await pair.end();
  });
  const first = await arrivals.next();
  first.connection.terminate(4000);
  await until(() => ws.status === 'Connecting');
  for (let n = 0; n < MESSAGES; n++) expect(ws.send(textOf(n))).toBe('queued');
  return { clock, turnstile, arrivals, handler, ws, compression };
}

async function until(isTrue: () => boolean): Promise<void> {
  for (let i = 0; i < 20_000 && !isTrue(); i++) await turns(1);
  expect(isTrue()).toBe(true);
}

/** Lets the client reconnect. */
async function connectAgain({
  clock,
  arrivals,
  handler,
}: {
  clock: TestClock;
  arrivals: Inbox<Arrival>;
  handler: RecordingClientHandler<string>;
}) {
  await clock.advance(1100);
  const arrival = await arrivals.next();
  await handler.nextEvent('reconnect');
  return arrival;
}

/** Waits until the client cannot send any more: its bufferedBytes stay the same for a while. */
async function untilStuck(ws: WebSocket): Promise<void> {
  let last = -1;
  while (ws.bufferedBytes !== last) {
    last = ws.bufferedBytes;
    await turns(200);
  }
}

const compressions: readonly (readonly [what: string, compression: boolean])[] = [
  ['uncompressed', false],
  ['compressed', true],
];

for (const [what, compression] of compressions) {
  test(`queued messages reach a slow server once and in order, ${what}`, async () => {
    const parts = await loseAndSend(compression);
    const { turnstile, handler, ws } = parts;
    const { numbers } = await connectAgain(parts);
    await untilStuck(ws);
    // New messages queue up behind the ones that still wait.
    for (let n = MESSAGES; n < MESSAGES + 5; n++) expect(ws.send(textOf(n))).toBe('queued');
    expect(numbers).toEqual([]);
    for (let n = 0; n < 3 && numbers.length < MESSAGES; n++) {
      turnstile.allow(5);
      await untilStuck(ws);
    }
    turnstile.allow(Infinity);
    await ws.drained();
    expect(ws.send(textOf(MESSAGES + 5))).not.toBe('dropped');
    await until(() => numbers.length === MESSAGES + 7);
    expect(numbers).toEqual([-1, ...range(0, MESSAGES + 6)]);
    ws.terminate();
    expect((await handler.ended()).unsentMessages).toEqual([]);
  });

  test(`after terminate() each message has reached the slow server or is in unsentMessages, ${what}`, async () => {
    const parts = await loseAndSend(compression);
    const { turnstile, handler, ws } = parts;
    const { numbers } = await connectAgain(parts);
    await untilStuck(ws);
    ws.terminate(4001);
    turnstile.allow(Infinity);
    const { unsentMessages, code } = await handler.ended();
    expect(code).toBe(4001);
    const unsent = unsentMessages!.map((text) => numberOf(text as string));
    expect(unsent.length).toBeGreaterThan(0);
    await until(() => numbers.length + unsent.length === MESSAGES + 1);
    expect([...numbers, ...unsent]).toEqual([-1, ...range(0, MESSAGES)]);
  });

  test(`when the slow server is lost too, messages that had not left go to the next connection, ${what}`, async () => {
    const parts = await loseAndSend(compression);
    const { turnstile, arrivals, handler, ws } = parts;
    const { numbers } = await connectAgain(parts);
    await untilStuck(ws);
    turnstile.allow(4);
    await until(() => numbers.length === 4);
    expect(ws.bufferedBytes).toBeGreaterThan(0);
    arrivals.all[1]!.connection.terminate(4002);
    turnstile.allow(Infinity);
    await until(() => ws.status === 'Connecting');
    const last = await connectAgain(parts);
    await ws.drained();
    await until(() => last.numbers.at(-1) === MESSAGES - 1);
    // Messages that had left for the lost server may have arrived, so they are not repeated.
    expect(numbers).toEqual([-1, ...range(0, numbers.length - 1)]);
    const [begin, next] = last.numbers as [number, number];
    expect(begin).toBe(-1);
    expect(next).toBeGreaterThanOrEqual(numbers.length - 1);
    expect(last.numbers).toEqual([-1, ...range(next, MESSAGES)]);
    ws.terminate();
    expect((await handler.ended()).unsentMessages).toEqual([]);
  });
}
