import { randomBytes } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { NOT_COMPRESSED } from '../../src/protocol/compression.ts';
import type { Compression } from '../../src/protocol/compression.ts';
import type { DeflateParameters } from '../../src/handshake/permessage-deflate.ts';
import { CompressionFactory } from '../../src/connection/zlib.ts';
import { deflated, deflateFinally, deflateMessage, inflated, NO_LIMITS } from '../helpers/deflate.ts';
import { hex } from '../helpers/frames.ts';
import { heldBytes } from '../helpers/memory.ts';

const SETTINGS = { thresholdBytes: 1024, level: 3 };
const ALONE = { serverNoContextTakeover: true, clientNoContextTakeover: true };
/** Lengths below and above the longest message that is compressed synchronously. */
const LENGTHS = [40, 5000, 32_768, 32_769, 200_000];

function create(role: 'client' | 'server', agreed: Partial<DeflateParameters> = {}): Compression {
  return new CompressionFactory(role, SETTINGS).create({ ...NO_LIMITS, ...agreed });
}

/** Text that compresses well, but not to nothing. */
function textOf(length: number, seed = 1): Buffer {
  let state = seed;
  const word = (): string => String((state = (state * 1_664_525 + 1_013_904_223) >>> 0) % 5000);
  const words = Array.from({ length: Math.ceil(length / 4) }, word);
  return Buffer.from(words.join(' ').padEnd(length, '.').slice(0, length));
}

/** Returns the argument of `done` when `act` calls it synchronously, otherwise undefined. */
function synchronousResult(
  act: (done: (error: Error | undefined, result: Buffer) => void) => void,
): Buffer | Error | undefined {
  let outcome: Buffer | Error | undefined;
  act((error, result) => {
    outcome = error ?? result;
  });
  return outcome;
}

function lengthOf(outcome: Buffer | Error): number {
  if (outcome instanceof Error) throw outcome;
  return outcome.length;
}

describe('RFC 7692 7.2.3: the examples of the RFC', () => {
  test.each([
    ['7.2.3.1 one block', 'f248cdc9c90700'],
    ['7.2.3.3 a block without compression', '000500faff48656c6c6f00'],
    ['7.2.3.4 a block with BFINAL', 'f348cdc9c9070000'],
    ['7.2.3.5 two blocks', 'f248050000 00ffffcac9c90700'],
  ])('%s', async (_, compressed) => {
    expect(String(await inflated(create('server').inflater, hex(compressed)))).toBe('Hello');
  });

  test('7.2.3.2 a second message that refers to the first', async () => {
    const { inflater } = create('server');
    expect(String(await inflated(inflater, hex('f248cdc9c90700')))).toBe('Hello');
    expect(String(await inflated(inflater, hex('f200110000')))).toBe('Hello');
    expect(await inflated(create('server').inflater, hex('f200110000'))).toBeInstanceOf(Error);
    expect(await inflated(create('server', ALONE).inflater, hex('f200110000'))).toBeInstanceOf(Error);
  });

  test('7.2.3.6 an empty message, and one without any bytes', async () => {
    for (const bytes of ['00', '']) {
      expect(await inflated(create('server').inflater, hex(bytes))).toEqual(Buffer.alloc(0));
    }
  });
});

describe.each([
  ['with context takeover', {}],
  ['without context takeover', ALONE],
])('%s', (_, agreed) => {
  test.each(['client', 'server'] as const)(
    'messages that the %s deflates are inflated by the other side, in order',
    async (role) => {
      for (const bits of [9, 10, 12, 15]) {
        const parameters = { ...agreed, clientMaxWindowBits: bits, serverMaxWindowBits: bits };
        const { deflater } = create(role, parameters);
        const { inflater } = create(role === 'client' ? 'server' : 'client', parameters);
        for (const [i, length] of [...LENGTHS, 40, 600, 40].entries()) {
          const payload = textOf(length, i);
          const compressed = await deflated(deflater, payload);
          if (compressed instanceof Error) expect(compressed.message).toBe('the message does not get smaller');
          else expect(payload.equals((await inflated(inflater, compressed)) as Buffer)).toBe(true);
        }
      }
    },
  );

  test('a message of several streams (blocks with BFINAL) is inflated', async () => {
    const { inflater } = create('server', agreed);
    const message = Buffer.concat([deflateFinally('one '), deflateFinally('two '), deflateMessage('three')]);
    expect(String(await inflated(inflater, message))).toBe('one two three');
    expect(String(await inflated(inflater, deflateFinally('again')))).toBe('again');
    const long = textOf(40_000);
    const longMessage = Buffer.concat([deflateFinally(long), deflateFinally(long), hex('00')]);
    expect(longMessage.length).toBeGreaterThan(8192);
    expect(Buffer.concat([long, long]).equals((await inflated(inflater, longMessage)) as Buffer)).toBe(true);
  });

  test('RFC 6455 10.4: endless empty streams are refused', async () => {
    const streams = Buffer.concat(Array.from({ length: 65 }, () => deflateFinally('')));
    const outcome = await inflated(create('server', agreed).inflater, streams);
    expect(outcome).toEqual(new Error('more than 64 deflate streams in one message'));
  });

  test.each([
    ['at once', 1_000_000],
    ['in the thread pool', 20_000_000],
  ])('RFC 6455 10.4: inflating stops at the limit (%s)', async (__, length) => {
    const bomb = deflateMessage(Buffer.alloc(length));
    const before = heldBytes();
    const { inflater } = create('server', agreed);
    const outcome = await inflated(inflater, bomb, 100_000);
    const usedBytes = process.memoryUsage().arrayBuffers - before;
    expect(outcome).toBeInstanceOf(RangeError);
    expect(usedBytes).toBeLessThan(1_000_000);
    expect(lengthOf(await inflated(create('server').inflater, deflateMessage(Buffer.alloc(100_000)), 100_000))).toBe(
      100_000,
    );
  });

  test('RFC 6455 10.4: the limit holds for all streams of a message together', async () => {
    const stream = deflateFinally(Buffer.alloc(600));
    const message = Buffer.concat([stream, stream]);
    expect(await inflated(create('server', agreed).inflater, message, 1199)).toBeInstanceOf(RangeError);
    expect(await inflated(create('server', agreed).inflater, message, 600)).toBeInstanceOf(RangeError);
    expect(lengthOf(await inflated(create('server', agreed).inflater, message, 1200))).toBe(1200);
    expect(lengthOf(await inflated(create('server', agreed).inflater, stream, 600))).toBe(600);
  });

  test('bytes that are no deflate stream are an error, short or long', async () => {
    for (const length of [10, 100_000]) {
      const outcome = await inflated(create('server', agreed).inflater, Buffer.alloc(length, 0xff));
      expect(outcome).toBeInstanceOf(Error);
      expect(outcome).not.toBeInstanceOf(RangeError);
    }
  });

  test('a message that does not get smaller is an error that does not change the context', async () => {
    const { deflater } = create('server', agreed);
    const { inflater } = create('client', agreed);
    for (const length of [0, 1, 100, 50_000]) {
      expect(await deflated(deflater, randomBytes(length))).toEqual(new Error('the message does not get smaller'));
    }
    const payload = textOf(500);
    const compressed = (await deflated(deflater, payload)) as Buffer;
    expect(payload.equals((await inflated(inflater, compressed)) as Buffer)).toBe(true);
  });
});

describe('context takeover', () => {
  test('makes a repeated message tiny in every window that holds it', async () => {
    for (const bits of [10, 11, 15]) {
      const { deflater } = create('server', { serverMaxWindowBits: bits });
      const payload = Buffer.from(Array.from({ length: 500 }, (_, i) => (i * i * 31) & 0x7f));
      const first = lengthOf(await deflated(deflater, payload));
      expect(lengthOf(await deflated(deflater, payload))).toBeLessThan(Math.min(30, first));
    }
  });

  test('may be agreed on for one side only', async () => {
    const agreed = { clientNoContextTakeover: true };
    const server = create('server', agreed);
    const client = create('client', agreed);
    expect([server.deflater.isShared, client.deflater.isShared]).toEqual([false, true]);
    const payload = textOf(2000);
    for (const [from, to] of [
      [server, client],
      [client, server],
    ] as const) {
      const sizes: number[] = [];
      for (let i = 0; i < 3; i++) {
        const compressed = (await deflated(from.deflater, payload)) as Buffer;
        sizes.push(compressed.length);
        expect(payload.equals((await inflated(to.inflater, compressed)) as Buffer)).toBe(true);
      }
      expect(sizes[2]! < sizes[0]!).toBe(from === server);
    }
  });

  test('keeps at most one window of bytes for each direction of a connection', async () => {
    for (const [bits, limit] of [
      [9, 512],
      [12, 4096],
      [15, 32_768],
    ] as const) {
      const count = 20;
      const all: Compression[] = [];
      const before = heldBytes();
      for (let i = 0; i < count; i++) {
        const compression = create('server', { serverMaxWindowBits: bits, clientMaxWindowBits: bits });
        for (const length of [30, 90_000, 700]) {
          await deflated(compression.deflater, textOf(length));
          await inflated(compression.inflater, deflateMessage(textOf(length), { windowBits: bits }));
        }
        all.push(compression);
      }
      expect(all.length).toBe(count);
      // The margin covers the last results, which the garbage collector has not freed yet.
      expect(heldBytes() - before).toBeLessThan(count * 2 * limit + 300_000);
    }
  });
});

describe('without context takeover', () => {
  test('connections with the same window share a deflater and an inflater', () => {
    const factory = new CompressionFactory('server', SETTINGS);
    const make = (agreed: Partial<DeflateParameters>): Compression =>
      factory.create({ ...NO_LIMITS, ...ALONE, ...agreed });
    const first = make({});
    expect([first.isShared, first.deflater.isShared]).toEqual([true, true]);
    expect(make({})).toBe(first);
    expect(make({ clientMaxWindowBits: 9 }).inflater).not.toBe(first.inflater);
    expect(make({ clientMaxWindowBits: 9 }).deflater).toBe(first.deflater);
    expect(make({ serverMaxWindowBits: 9 }).deflater).not.toBe(first.deflater);
    expect(make({ clientNoContextTakeover: false }).isShared).toBe(false);
    // A broadcast is compressed once, even for clients that keep the context of their own messages.
    expect(make({ clientNoContextTakeover: false }).deflater).toBe(first.deflater);
    expect(make({ clientNoContextTakeover: false }).inflater).not.toBe(first.inflater);
  });
});

describe('zlib', () => {
  test('refuses to compress with a window of 256 bytes, but inflates with it', async () => {
    const { deflater } = create('client', { clientMaxWindowBits: 8 });
    expect(synchronousResult((done) => deflater.deflate(textOf(500), done))).toEqual(NOT_COMPRESSED);
    const { inflater } = create('client', { serverMaxWindowBits: 8 });
    expect(String(await inflated(inflater, hex('f248cdc9c90700')))).toBe('Hello');
  });

  test('works synchronously on small messages, and in the thread pool on others', async () => {
    const { deflater, inflater } = create('server', ALONE);
    expect(synchronousResult((done) => deflater.deflate(textOf(32_768), done))).toBeInstanceOf(Buffer);
    expect(synchronousResult((done) => deflater.deflate(textOf(32_769), done))).toBeUndefined();
    const [short, long] = [deflateMessage(textOf(8000)), deflateMessage(textOf(80_000))];
    expect(synchronousResult((done) => inflater.inflate(short, 1_048_576, done))).toBeInstanceOf(Buffer);
    expect(synchronousResult((done) => inflater.inflate(long, 1_048_576, done))).toBeUndefined();
    // A short message with a long result is inflated in the thread pool as well.
    const [little, much] = [deflateMessage(Buffer.alloc(65_536)), deflateMessage(Buffer.alloc(65_537))];
    expect(synchronousResult((done) => inflater.inflate(little, 1_048_576, done))).toBeInstanceOf(Buffer);
    expect(synchronousResult((done) => inflater.inflate(much, 1_048_576, done))).toBeUndefined();
    expect(lengthOf(await inflated(inflater, much))).toBe(65_537);
    // Transforms end in the order of their calls, so this one ends after all others.
    expect(await inflated(inflater, long)).toBeInstanceOf(Buffer);
  });

  test('works on four long messages at a time, and finishes all', async () => {
    const { deflater } = create('server', ALONE);
    const payload = textOf(100_000);
    let running = 0;
    const native = process.memoryUsage().external;
    const outcomes = Array.from({ length: 60 }, () => {
      running++;
      return deflated(deflater, payload).finally(() => running--);
    });
    expect(running).toBe(60);
    // Transforms that wait have no memory of zlib yet.
    expect(process.memoryUsage().external - native).toBeLessThan(10 * 65_536 + 100_000);
    const lengths = (await Promise.all(outcomes)).map(lengthOf);
    expect(new Set(lengths).size).toBe(1);
  });

  test('returns results that hold at most twice their length of memory', async () => {
    for (const agreed of [{}, ALONE]) {
      const compressed = deflateMessage(randomBytes(5000));
      const inflater = create('server', agreed).inflater;
      const result = (await inflated(inflater, compressed)) as Buffer;
      expect(result.buffer.byteLength).toBeLessThanOrEqual(2 * result.length);
    }
  });

  test.each([1, 9])('compresses with level %i', async (level) => {
    const { deflater } = new CompressionFactory('server', { ...SETTINGS, level }).create({ ...NO_LIMITS, ...ALONE });
    const payload = textOf(30_000);
    const sizes = [1, 9].map((each) => deflateMessage(payload, { level: each }).length);
    expect(lengthOf(await deflated(deflater, payload))).toBe(sizes[level === 1 ? 0 : 1]);
  });
});
