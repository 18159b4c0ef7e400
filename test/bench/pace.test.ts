import { describe, expect, test } from 'vitest';
import { AnswerBytes } from '../../bench/load/answer-bytes.ts';
import { Failure, WRONG_ANSWER } from '../../bench/load/failure.ts';
import { FrameCycle } from '../../bench/load/frame-cycle.ts';
import { Pace, type PacedExchange } from '../../bench/load/pace.ts';

/** Answers of different lengths. Messages 0 to 3 are the first of their connections, 4 to 7 the second, and so on. */
const ANSWERS = [Buffer.from('answer'), Buffer.from('reply'), Buffer.from('echo')];
const MESSAGES = [Buffer.from('a'), Buffer.from('b'), Buffer.from('c')];
const DRAIN_TIMEOUT_MS = 30;
const CONNECTIONS = 4;

/** A clock whose turns take a millisecond, unless the load stood still. */
class TurnClock {
  time = 1000;
  readonly #callbacks: (() => void)[] = [];

  now(): number {
    return this.time;
  }

  nextTurn(callback: () => void): void {
    this.#callbacks.push(callback);
  }

  /** Runs the next turn. Returns false when no callback waited for it. */
  turn(): boolean {
    const callback = this.#callbacks.shift();
    callback?.();
    return callback !== undefined;
  }
}

/** Returns the right answer to a message, or to the message of the same connection `later` places after it. */
function answerTo(message: number, later = 0): Buffer {
  // Each connection begins with the variant of its own number and goes on in steps of one.
  const variant = (message % CONNECTIONS) + Math.floor(message / CONNECTIONS) + later;
  return ANSWERS[variant % ANSWERS.length]!;
}

/** A server: returns the bytes that answer a message, and the times at which they come. */
type Server = (message: number, now: number) => { readonly at: number; readonly bytes: Buffer }[];

/** Answers after a millisecond. */
const steady: Server = (message, now) => [{ at: now + 1, bytes: answerTo(message) }];

/** Stands still from 40 to 90 ms after the beginning. */
const stalled: Server = (message, now) => [
  { at: Math.max(now + 1, message >= 40 ? 1090 : 0), bytes: answerTo(message) },
];

/** Sends each answer in two pieces. */
const inPieces: Server = (message, now) => [
  { at: now + 1, bytes: answerTo(message).subarray(0, 2) },
  { at: now + 3, bytes: answerTo(message).subarray(2) },
];

/** Answers one message twice. */
const twice: Server = (message, now) => [...steady(message, now), ...(message === 50 ? steady(message, now) : [])];

/** Answers a message before it is sent. */
const early: Server = (message, now) => [
  ...steady(message, now),
  ...(message === 50 ? [{ at: now + 1, bytes: answerTo(message, 1) }] : []),
];

/** Answers a message before it is sent, but not a message of another connection. */
const swapped: Server = (message, now) => (message === 51 ? [] : early(message, now));

/** Answers two messages of a connection in the wrong order. */
const overtaken: Server = (message, now) => {
  if (message === 50) return [];
  return message === 54 ? [...steady(54, now), ...steady(50, now)] : steady(message, now);
};

/** Changes one byte. */
const wrong: Server = (message, now) =>
  message === 50
    ? [{ at: now + 1, bytes: Buffer.from('answeR').subarray(-answerTo(50).length) }]
    : steady(message, now);

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
    nextVariant: index % MESSAGES.length,
    answerVariant: index % MESSAGES.length,
    unclaimedBytes: 0,
    write: (message: Buffer) => {
      expect(message).toEqual(MESSAGES[(index + Math.floor(sent / CONNECTIONS)) % MESSAGES.length]);
      for (const { at, bytes } of server(sent++, clock.time)) arriving.push({ at, index, bytes });
    },
  }));
  const pace = new Pace(
    {
      connections,
      messages: new FrameCycle(MESSAGES, 1),
      answers: new AnswerBytes(ANSWERS),
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
  test('count latency from when they were due', async () => {
    const { messages, elapsedMs, latency, lateness } = await run(steady);
    expect({ messages, elapsedMs }).toEqual({ messages: 100, elapsedMs: 100 });
    expect(latency).toEqual({ p50: 1000, p99: 1000, p999: 1000, max: 1000 });
    expect(lateness.max).toBe(0);
  });

  test('are all delayed when they are due while the server stands still', async () => {
    const { latency } = await run(stalled);
    // Messages due at 40 to 90 ms wait until 90 ms: half of all, by 50 ms down to 1 ms.
    expect(latency.max).toBe(50_000);
    expect(latency.p99).toBe(49_000);
    expect(latency.p50).toBe(1000);
  });

  test('are late, and counted as late, when the load stands still', async () => {
    const { latency, lateness } = await run(steady, { at: 20, forMs: 25 });
    expect(lateness.max).toBe(24_000);
    expect(latency.max).toBe(25_000);
    expect(lateness.p50).toBe(0);
  });

  test('accept answers in pieces, and several at a time', async () => {
    expect((await run(inPieces)).latency.p50).toBe(3000);
  });

  test('fail when the last message or an earlier one is lost', async () => {
    await expect(run((message, now) => (message === 99 ? [] : steady(message, now)))).rejects.toThrow(
      'messages lost: 1 of 100 not answered',
    );
    await expect(run((message, now) => (message === 50 ? [] : steady(message, now)))).rejects.toThrow(WRONG_ANSWER);
  });

  test('fail for a superfluous answer, even when another connection got none', async () => {
    await expect(run(early)).rejects.toThrow('more answers than messages');
    await expect(run(swapped)).rejects.toThrow('more answers than messages');
  });

  test('fail when one is answered twice, or two in the wrong order', async () => {
    await expect(run(twice)).rejects.toThrow(WRONG_ANSWER);
    await expect(run(overtaken)).rejects.toThrow(WRONG_ANSWER);
  });

  test('fail when one byte is changed', async () => {
    await expect(run(wrong)).rejects.toThrow(WRONG_ANSWER);
  });
});
