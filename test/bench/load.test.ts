import type { Socket } from 'node:net';
import { afterEach, describe, expect, test } from 'vitest';
import { WRONG_ANSWER } from '../../bench/load/failure.ts';
import { buildFrames } from '../../bench/load/frames.ts';
import { Load, type LoadPlan } from '../../bench/load/load.ts';
import type { MessageShape } from '../../bench/messages.ts';
import { type Received, startLoadServer } from '../helpers/load-server.ts';

const shape: MessageShape = { kind: 'text', bytes: 64 };
const answers = buildFrames(shape, false);
/** Number of the first measured message of a connection: the check sends one before. */
const FIRST = 2;
const loads: Load[] = [];

async function open(answerTo: (received: Received) => Buffer | undefined, plan: Partial<LoadPlan> = {}): Promise<Load> {
  const port = await startLoadServer(answerTo, plan.shape ?? shape);
  const load = new Load({ port, shape, connections: 2, pattern: 'echo', inFlight: 4, checksAnswers: true, ...plan });
  loads.push(load);
  await load.open();
  return load;
}

/** Returns the right answers to a message and to the messages after it. */
function answersFrom(variant: number, count: number): Buffer {
  return Buffer.concat(Array.from({ length: count }, (_, i) => answers[(variant + i) % answers.length]!));
}

function sendToAll({ sockets }: Received, bytes: Buffer): void {
  for (const socket of sockets) socket.write(bytes);
}

/** Returns a copy of the frame with one bit changed. */
function changed(frame: Buffer, at: number): Buffer {
  const wrong = Buffer.from(frame);
  wrong[at]! ^= 1;
  return wrong;
}

afterEach(() => {
  for (const load of loads.splice(0)) load.close();
});

describe('the load of the benchmark', () => {
  test('counts every message that was sent and answered', async () => {
    let answered = 0;
    const load = await open(({ answer }) => {
      answered++;
      return answer;
    });
    const { messages, elapsedMs } = await load.run(20);
    expect(messages).toBe(answered - 2);
    expect(messages).toBeGreaterThanOrEqual(8);
    expect(elapsedMs).toBeGreaterThanOrEqual(19);
  });

  test('sends different messages, and begins each connection with another one', async () => {
    const sent: number[][] = [[], []];
    const load = await open(({ answer, connection, variant }) => {
      sent[connection]!.push(variant);
      return answer;
    });
    await load.run(20);
    await load.run(20);
    const firsts = sent.map((variants) => variants[0]!);
    expect(new Set(firsts)).toEqual(new Set([0, 1]));
    for (const variants of sent) {
      expect(variants.length).toBeGreaterThanOrEqual(1 + 8);
      expect(variants).toEqual(variants.map((_, i) => (variants[0]! + i) % answers.length));
    }
  });

  test('refuses answers with other content', async () => {
    await expect(open(({ answer }) => changed(answer, 10))).rejects.toThrow(WRONG_ANSWER);
  });

  test('refuses superfluous bytes after a checked answer', async () => {
    await expect(
      open(({ answer, n, variant }) => (n === 1 ? Buffer.concat([answer, answersFrom(variant + 1, 1)]) : answer)),
    ).rejects.toThrow('more bytes came than the answer has');
  });

  test('refuses a message with one changed byte, even late in a run', async () => {
    const load = await open(({ n, answer }) => (n === FIRST ? changed(answer, answer.length - 1) : answer));
    await expect(load.run(20)).rejects.toThrow(WRONG_ANSWER);
  });

  test('refuses two answers in the wrong order', async () => {
    const load = await open(({ n, variant, answer }) => {
      if (n === FIRST) return undefined;
      return n === FIRST + 1 ? Buffer.concat([answer, answersFrom(variant + answers.length - 1, 1)]) : answer;
    });
    await expect(load.run(20)).rejects.toThrow(WRONG_ANSWER);
  });

  test('refuses more answers than messages', async () => {
    const load = await open(({ n, variant, answer }) => {
      if (n < FIRST) return answer;
      return n === FIRST ? answersFrom(variant, 9) : undefined;
    });
    await expect(load.run(20)).rejects.toThrow('more answers than messages');
  });

  test('refuses a superfluous answer after all others', async () => {
    let last: Received | undefined;
    const load = await open((received) => {
      last = received;
      return received.answer;
    });
    await load.run(20);
    last?.socket.write(answersFrom(last.variant + 1, 1));
    await expect(load.verify()).rejects.toThrow('more answers than messages');
  });

  test('refuses a message that was answered twice', async () => {
    const load = await open(({ n, connection, answer }) =>
      n === FIRST && connection === 0 ? Buffer.concat([answer, answer]) : answer,
    );
    await expect(load.run(20).then(() => load.verify())).rejects.toThrow(WRONG_ANSWER);
  });

  test('refuses a lost message before others', async () => {
    const load = await open(({ n, connection, answer }) => (n === FIRST && connection === 0 ? undefined : answer));
    await expect(load.run(20)).rejects.toThrow(WRONG_ANSWER);
  });

  test('refuses a lost last message', async () => {
    const load = await open(({ n, connection, answer }) => (n === FIRST && connection === 0 ? undefined : answer), {
      inFlight: 1,
      drainTimeoutMs: 1000,
    });
    await expect(load.run(20)).rejects.toThrow(/^messages lost: 1 of \d+ not answered$/);
  });

  test('refuses a lost message even when another connection got one too many', async () => {
    const load = await open(
      ({ n, connection, variant, answer }) => {
        if (n !== FIRST) return answer;
        return connection === 0 ? undefined : answersFrom(variant, 2);
      },
      { inFlight: 1, drainTimeoutMs: 1000 },
    );
    await expect(load.run(20)).rejects.toThrow('more answers than messages');
  });

  test('refuses bytes that belong to no answer', async () => {
    let last: Received | undefined;
    const load = await open((received) => {
      last = received;
      return received.answer;
    });
    await load.run(20);
    last?.socket.write(answersFrom(last.variant + 1, 1).subarray(0, 1));
    await expect(load.verify()).rejects.toThrow('bytes came that belong to no answer');
  });

  test('fails when the server ends a connection', async () => {
    const load = await open(({ n, socket, answer }) => {
      if (n === FIRST) socket.resetAndDestroy();
      return answer;
    });
    await expect(load.run(20)).rejects.toThrow('connection lost');
  });

  test('sends different messages at fixed times', async () => {
    const sent: number[] = [];
    const load = await open(({ connection, variant, answer }) => {
      if (connection === 0) sent.push(variant);
      return answer;
    });
    const pacing = { messagesPerSecond: 2000, durationMs: 30 };
    const { messages, elapsedMs, latency } = await load.pace(pacing);
    expect([messages, sent.length]).toEqual([60, 1 + 30]);
    // The last message is due half a millisecond before the end.
    expect(elapsedMs).toBeGreaterThan(29);
    expect(latency.p50).toBeGreaterThan(0);
    // A second run continues with the next message.
    await load.pace(pacing);
    await load.run(5);
    expect(sent).toEqual(sent.map((_, i) => (sent[0]! + i) % answers.length));
    await load.verify();
  });

  test('refuses bytes that belong to no answer after messages at fixed times', async () => {
    let last: Received | undefined;
    const load = await open((received) => {
      last = received;
      return received.answer;
    });
    await load.pace({ messagesPerSecond: 2000, durationMs: 10 });
    last?.socket.write(answersFrom(last.variant + 1, 1).subarray(0, 1));
    await expect(load.verify()).rejects.toThrow('bytes came that belong to no answer');
  });

  test('fails when a connection is lost', async () => {
    const load = await open(({ answer }) => answer);
    const run = load.run(10_000);
    load.close();
    await expect(run).rejects.toThrow('connection lost');
  });
});

describe('the load whose messages go to all', () => {
  const fanOut: Partial<LoadPlan> = { pattern: 'fan-out', connections: 3 };

  test('counts the different messages that each connection got', async () => {
    const sent: number[] = [];
    const load = await open((received) => {
      sent.push(received.variant);
      sendToAll(received, received.answer);
      return undefined;
    }, fanOut);
    expect((await load.run(10)).messages).toBe(3 * (sent.length - 1));
    expect(sent.length).toBeGreaterThanOrEqual(1 + 4);
    expect(sent).toEqual(sent.map((_, i) => i % answers.length));
    await load.verify();
  });

  test.each<[string, (received: Received, other: Socket) => void, string]>([
    [
      'too many messages',
      ({ variant }, other) => void other.write(answersFrom(variant + 1, 4)),
      'more bytes than were sent',
    ],
    ['a message twice', ({ answer }, other) => void other.write(answer), WRONG_ANSWER],
  ])('fails when one connection gets %s', async (_, fault, message) => {
    const load = await open((received) => {
      if (received.n <= FIRST) sendToAll(received, received.answer);
      if (received.n === FIRST) fault(received, Array.from(received.sockets)[1]!);
      return undefined;
    }, fanOut);
    await expect(load.run(20)).rejects.toThrow(message);
  });

  test('fails for a superfluous message after all others', async () => {
    let last: Received | undefined;
    const load = await open((received) => {
      last = received;
      sendToAll(received, received.answer);
      return undefined;
    }, fanOut);
    await load.run(10);
    Array.from(last!.sockets)[1]!.write(answersFrom(last!.variant + 1, 1));
    await expect(load.verify()).rejects.toThrow('more bytes than were sent');
  });

  test('fails when one connection gets nothing', async () => {
    const load = await open(
      (received) => {
        const [first, ...others] = received.sockets;
        first?.write(received.answer);
        for (const other of others.slice(0, received.n < FIRST ? 2 : 1)) other.write(received.answer);
        return undefined;
      },
      { ...fanOut, drainTimeoutMs: 1000 },
    );
    await expect(load.run(10)).rejects.toThrow('messages lost: 4 of 4 not answered');
  });
});
