import type { Socket } from 'node:net';
import { constants, deflateRawSync } from 'node:zlib';
import { afterEach, describe, expect, test } from 'vitest';
import { buildFrame } from '../../bench/load/frames.ts';
import { Load, type LoadPlan } from '../../bench/load/load.ts';
import { type MessageShape, payloadOf } from '../../bench/messages.ts';
import { type Received, startLoadServer } from '../helpers/load-server.ts';

const shape: MessageShape = { kind: 'text', bytes: 64 };
const answer = buildFrame(shape, false);
const loads: Load[] = [];

async function open(answerTo: (received: Received) => Buffer | undefined, plan: Partial<LoadPlan> = {}): Promise<Load> {
  const port = await startLoadServer(answerTo, plan.shape ?? shape);
  const load = new Load({ port, shape, connections: 2, pattern: 'echo', inFlight: 4, checksAnswers: true, ...plan });
  loads.push(load);
  await load.open();
  return load;
}

afterEach(() => {
  for (const load of loads.splice(0)) load.close();
});

describe('the load of the benchmark', () => {
  test('counts every message that was sent and answered', async () => {
    let answers = 0;
    const load = await open(() => {
      answers++;
      return answer;
    });
    const { messages, elapsedMs } = await load.run(20);
    // Two more answered the check of the content.
    expect(messages).toBe(answers - 2);
    expect(messages).toBeGreaterThanOrEqual(8);
    expect(elapsedMs).toBeGreaterThanOrEqual(19);
  });

  test('refuses answers with another content', async () => {
    const wrong = Buffer.from(answer);
    (wrong[10] as number) ^= 1;
    await expect(open(() => wrong)).rejects.toThrow('the answer is not the message that was sent');
  });

  test('refuses a message of which one byte was changed on the way, however late', async () => {
    const wrong = Buffer.from(answer);
    (wrong[answer.length - 1] as number) ^= 1;
    const load = await open(({ n }) => (n === 3 ? wrong : answer));
    await expect(load.run(20)).rejects.toThrow('an answer is not the message that was sent');
  });

  test('refuses more answers than messages', async () => {
    const load = await open(({ n }) => (n === 3 ? Buffer.concat(Array.from({ length: 9 }, () => answer)) : answer));
    await expect(load.run(20)).rejects.toThrow('more answers than messages');
  });

  test('refuses a message that was answered twice, of which the answer comes after all others', async () => {
    const load = await open(({ n, connection }) =>
      n === 3 && connection === 0 ? Buffer.concat([answer, answer]) : answer,
    );
    await expect(load.run(20).then(() => load.verify())).rejects.toThrow('more answers than messages');
  });

  test('refuses a message that was lost', async () => {
    const load = await open(({ n, connection }) => (n === 3 && connection === 0 ? undefined : answer), {
      drainTimeoutMs: 1000,
    });
    await expect(load.run(20)).rejects.toThrow(/^messages lost: 1 of \d+ not answered$/);
  });

  test('refuses a message that was lost, also when another connection got one too many', async () => {
    const load = await open(
      ({ n, connection }) => {
        if (n !== 3) return answer;
        return connection === 0 ? undefined : Buffer.concat([answer, answer]);
      },
      { drainTimeoutMs: 1000 },
    );
    await expect(load.run(20)).rejects.toThrow('more answers than messages');
  });

  test('refuses bytes that belong to no answer', async () => {
    let last: Socket | undefined;
    const load = await open(({ socket }) => {
      last = socket;
      return answer;
    });
    await load.run(20);
    last?.write(answer.subarray(0, 1));
    await expect(load.verify()).rejects.toThrow('bytes came that belong to no answer');
  });

  test('refuses a server that ends a connection', async () => {
    const load = await open(({ n, socket }) => {
      if (n === 3) socket.resetAndDestroy();
      return answer;
    });
    await expect(load.run(20)).rejects.toThrow('connection lost');
  });

  test('sends messages at fixed times', async () => {
    let answers = 0;
    const load = await open(() => {
      answers++;
      return answer;
    });
    const { messages, elapsedMs, latency } = await load.pace({ messagesPerSecond: 2000, durationMs: 30 });
    expect([messages, answers]).toEqual([60, 62]);
    // The last is due half a millisecond before the end.
    expect(elapsedMs).toBeGreaterThan(29);
    expect(latency.p50).toBeGreaterThan(0);
    await load.verify();
  });

  test.each([
    ['short', 1024],
    ['long', 20_000],
  ])('counts compressed answers, whatever they look like: %s', async (_, bytes) => {
    const compressed: MessageShape = { kind: 'binary', bytes, isCompressed: true };
    // Compressed by another level than the load does it.
    const payload = deflateRawSync(payloadOf(compressed), { level: 1, finishFlush: constants.Z_SYNC_FLUSH });
    const length = payload.length - 4;
    const frame = Buffer.concat([Buffer.from([0xc2, 126, length >> 8, length & 0xff]), payload.subarray(0, -4)]);
    const load = await open(() => frame, { shape: compressed });
    expect((await load.run(20)).messages).toBeGreaterThanOrEqual(8);
  });

  test('refuses answers that are not compressed, or hold something else', async () => {
    const compressed: MessageShape = { kind: 'text', bytes: 64, isCompressed: true };
    const other = buildFrame({ ...compressed, bytes: 65 }, false);
    for (const wrong of [answer, other]) {
      await expect(open(() => wrong, { shape: compressed })).rejects.toThrow(
        'not the message that was sent, or not compressed',
      );
    }
  });

  test('fails when a connection is lost', async () => {
    const load = await open(() => answer);
    const run = load.run(10_000);
    load.close();
    await expect(run).rejects.toThrow('connection lost');
  });
});

describe('the messages of the benchmark', () => {
  test.each(['text', 'binary', 'object'] as const)('a %s payload has the size that was asked for', (kind) => {
    expect(payloadOf({ kind, bytes: 64 })).toHaveLength(64);
    expect(payloadOf({ kind, bytes: 64 })).toEqual(payloadOf({ kind, bytes: 64 }));
  });

  test('frames have the shortest header, and a mask when a client sends them', () => {
    expect(buildFrame({ kind: 'text', bytes: 3 }, false)).toEqual(Buffer.from('\x81\x03The', 'latin1'));
    expect(buildFrame({ kind: 'text', bytes: 3 }, true).toString('hex')).toBe('818337fa213d639244');
    expect(buildFrame({ kind: 'binary', bytes: 126 }, false).subarray(0, 4).toString('hex')).toBe('827e007e');
    expect(buildFrame({ kind: 'binary', bytes: 65_536 }, false).subarray(0, 10).toString('hex')).toBe(
      '827f0000000000010000',
    );
  });
});
