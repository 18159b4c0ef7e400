import { describe, expect, test } from 'vitest';
import { AnswerBytes } from '../../bench/load/answer-bytes.ts';
import { Failure } from '../../bench/load/failure.ts';
import { Pace, type PacedExchange } from '../../bench/load/pace.ts';

const ANSWER = Buffer.from('answer');
const DRAIN_TIMEOUT_MS = 30;
const CONNECTIONS = 4;

/** A clock whose turns take a millisecond, unless something stood still meanwhile. */
class TurnClock {
  time = 1000;
  readonly #callbacks: (() => void)[] = [];

  now(): number {
    return this.time;
  }

  nextTurn(callback: () => void): void {
    this.#callbacks.push(callback);
  }

  /** Lets a turn begin. Returns whether one was waited for. */
  turn(): boolean {
    const callback = this.#callbacks.shift();
    callback?.();
    return callback !== undefined;
  }
}

/** What a server does with a message: at which time which bytes come. */
type Server = (message: number, now: number) => { readonly at: number; readonly bytes: Buffer }[];

/** A server that takes a millisecond. */
const steady: Server = (_, now) => [{ at: now + 1, bytes: ANSWER }];

/** Stands still until 90 ms after the beginning, from the message on that is due after 40. */
const stalled: Server = (message, now) => [{ at: Math.max(now + 1, message >= 40 ? 1090 : 0), bytes: ANSWER }];

/** Sends each answer in two pieces. */
const inPieces: Server = (_, now) => [
  { at: now + 1, bytes: ANSWER.subarray(0, 2) },
  { at: now + 3, bytes: ANSWER.subarray(2) },
];

/** Answers one message twice. */
const twice: Server = (message, now) => [...steady(message, now), ...(message === 50 ? steady(message, now) : [])];

/** Answers one message twice, and the next, of another connection, not at all. */
const swapped: Server = (message, now) => (message === 51 ? [] : twice(message, now));

/** Changes one byte. */
const wrong: Server = (message, now) =>
  message === 50 ? [{ at: now + 1, bytes: Buffer.from('answeR') }] : steady(message, now);

/** Sends 100 messages, one in each millisecond. */
async function run(
  server: Server,
  standStill?: { readonly at: number; readonly forMs: number },
): Promise<PacedExchange> {
  const clock = new TurnClock();
  const arriving: { readonly at: number; readonly index: number; readonly bytes: Buffer }[] = [];
  let sent = 0;
  const connections = Array.from({ length: CONNECTIONS }, (_, index) => ({
    index,
    write: () => {
      for (const { at, bytes } of server(sent++, clock.time)) arriving.push({ at, index, bytes });
    },
  }));
  const pace = new Pace(
    {
      connections,
      frame: Buffer.from('message'),
      answer: new AnswerBytes(ANSWER),
      failure: new Failure(),
      drainTimeoutMs: DRAIN_TIMEOUT_MS,
      clock,
    },
    { messagesPerSecond: 1000, durationMs: 100 },
  );
  const result = pace.run();
  while (clock.turn()) {
    clock.time += clock.time === 1000 + (standStill?.at ?? -1) ? (standStill?.forMs ?? 1) : 1;
    for (let i = 0; i < arriving.length;) {
      const arrival = arriving[i];
      if (arrival !== undefined && arrival.at <= clock.time) {
        arriving.splice(i, 1);
        pace.onBytes(connections[arrival.index]!, arrival.bytes.length, arrival.bytes);
      } else i++;
    }
  }
  return result;
}

describe('messages at fixed times', () => {
  test('their latency is counted from when they were due', async () => {
    const { messages, elapsedMs, latency, lateness } = await run(steady);
    expect({ messages, elapsedMs }).toEqual({ messages: 100, elapsedMs: 100 });
    expect(latency).toEqual({ p50: 1000, p99: 1000, p999: 1000, max: 1000 });
    expect(lateness.max).toBe(0);
  });

  test('a server that stands still delays all that are due meanwhile, not only the one that it holds', async () => {
    const { latency } = await run(stalled);
    // Those due at 40 to 90 wait until 90: half of all, by 50 ms down to 1 ms.
    expect(latency.max).toBe(50_000);
    expect(latency.p99).toBe(49_000);
    expect(latency.p50).toBe(1000);
  });

  test('a load that stands still tells so, and counts it', async () => {
    const { latency, lateness } = await run(steady, { at: 20, forMs: 25 });
    expect(lateness.max).toBe(24_000);
    expect(latency.max).toBe(25_000);
    expect(lateness.p50).toBe(0);
  });

  test('answers may come in pieces, and several at a time', async () => {
    expect((await run(inPieces)).latency.p50).toBe(3000);
  });

  test('fails when a message is lost', async () => {
    await expect(run((message, now) => (message === 50 ? [] : steady(message, now)))).rejects.toThrow(
      'messages lost: 1 of 100 not answered',
    );
  });

  test('fails when one is answered twice, also when another connection got nothing', async () => {
    await expect(run(twice)).rejects.toThrow('more answers than messages');
    await expect(run(swapped)).rejects.toThrow('more answers than messages');
  });

  test('fails when one byte is another', async () => {
    await expect(run(wrong)).rejects.toThrow('an answer is not the message that was sent');
  });
});
