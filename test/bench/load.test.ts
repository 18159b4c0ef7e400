import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';
import { constants, deflateRawSync } from 'node:zlib';
import { afterEach, describe, expect, test } from 'vitest';
import { buildFrame } from '../../bench/load/frames.ts';
import { answerUpgrade } from '../../bench/load/handshake.ts';
import { Load, type LoadPlan } from '../../bench/load/load.ts';
import { type MessageShape, payloadOf } from '../../bench/messages.ts';

const shape: MessageShape = { kind: 'text', bytes: 64 };
const answer = buildFrame(shape, false);
const servers: Server[] = [];

/** A server that answers the n-th message (from 1) of each connection with what `answerTo` gives. */
async function listen(answerTo: (n: number) => Buffer, messages: MessageShape = shape): Promise<number> {
  const messageBytes = buildFrame(messages, true).length;
  const extensions = messages.isCompressed === true ? 'Sec-WebSocket-Extensions: permessage-deflate\r\n' : '';
  const server = createServer((socket: Socket) => {
    let isOpen = false;
    let received = 0;
    let answered = 0;
    socket.on('error', () => {});
    socket.on('data', (bytes) => {
      if (!isOpen) {
        isOpen = true;
        socket.write(answerUpgrade(bytes.toString('latin1')).replace(/\r\n$/, `${extensions}\r\n`));
        return;
      }
      received += bytes.length;
      for (; answered < Math.floor(received / messageBytes); answered++) socket.write(answerTo(answered + 1));
    });
  });
  servers.push(server);
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  return (server.address() as AddressInfo).port;
}

function planOf(port: number): LoadPlan {
  return { port, shape, connections: 2, pattern: 'echo', inFlight: 4, checksAnswers: true };
}

async function open(answerTo: (n: number) => Buffer, messages: MessageShape = shape): Promise<Load> {
  const load = new Load({ ...planOf(await listen(answerTo, messages)), shape: messages });
  loads.push(load);
  await load.open();
  return load;
}

const loads: Load[] = [];

afterEach(() => {
  for (const load of loads.splice(0)) load.close();
  for (const server of servers.splice(0)) server.close();
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
    expect(messages).toBeGreaterThan(8);
    expect(elapsedMs).toBeGreaterThanOrEqual(19);
  });

  test('refuses answers with another content', async () => {
    const wrong = Buffer.from(answer);
    (wrong[10] as number) ^= 1;
    await expect(open(() => wrong)).rejects.toThrow('the answer is not the message that was sent');
  });

  test('refuses more answers than messages', async () => {
    const load = await open((n) => (n === 10 ? Buffer.concat(Array.from({ length: 9 }, () => answer)) : answer));
    await expect(load.run(20)).rejects.toThrow('more answers than messages');
  });

  test('refuses bytes that belong to no answer', async () => {
    const load = await open((n) => (n === 10 ? Buffer.concat([answer, Buffer.from('x')]) : answer));
    await expect(load.run(20)).rejects.toThrow('bytes came that belong to no answer');
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
    const load = await open(() => frame, compressed);
    expect((await load.run(20)).messages).toBeGreaterThan(8);
  });

  test('refuses answers that are not compressed, or hold something else', async () => {
    const compressed: MessageShape = { kind: 'text', bytes: 64, isCompressed: true };
    const other = buildFrame({ ...compressed, bytes: 65 }, false);
    for (const wrong of [answer, other]) {
      await expect(open(() => wrong, compressed)).rejects.toThrow('not the message that was sent, or not compressed');
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
