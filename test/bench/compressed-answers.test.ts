import { constants, deflateRawSync } from 'node:zlib';
import { describe, expect, test } from 'vitest';
import type { AnswerPlace } from '../../bench/load/answers.ts';
import { CompressedAnswers } from '../../bench/load/compressed-answers.ts';
import { WRONG_ANSWER } from '../../bench/load/failure.ts';
import { buildFrame, frameOf } from '../../bench/load/frames.ts';
import { Load } from '../../bench/load/load.ts';
import { countVariants, type MessageShape, payloadOf } from '../../bench/messages.ts';
import { type Received, startLoadServer } from '../helpers/load-server.ts';

const shape: MessageShape = { kind: 'binary', bytes: 1024, isCompressed: true };
const COMPRESSED_BINARY = 0xc2;

/** Builds the frame of a message, compressed at a level; each level gives another length. */
function compress(variant: number, level: number): Buffer {
  const payload = deflateRawSync(payloadOf(shape, variant), { level, finishFlush: constants.Z_SYNC_FLUSH });
  return frameOf(payload.subarray(0, -4), COMPRESSED_BINARY, false);
}

/** Builds the frame with the end of a flush twice, as zlib writes it when its buffer is just full. */
function compressWithTwoEnds(variant: number): Buffer {
  const payload = deflateRawSync(payloadOf(shape, variant), { finishFlush: constants.Z_SYNC_FLUSH });
  return frameOf(Buffer.concat([payload, Buffer.of(0)]), COMPRESSED_BINARY, false);
}

function changed(frame: Buffer, at: number): Buffer {
  const wrong = Buffer.from(frame);
  wrong[at]! ^= 1;
  return wrong;
}

/** The shared memory that all sockets read into; it also holds bytes of earlier reads. */
const MEMORY = Buffer.alloc(131_072, 'other');

function read(answers: CompressedAnswers, place: AnswerPlace, ...frames: readonly Buffer[]): number {
  const count = Buffer.concat(frames).copy(MEMORY);
  return answers.read(place, count, MEMORY);
}

describe('compressed answers', () => {
  test('are counted in any compressed form and in any pieces', () => {
    const stream = Buffer.concat(
      Array.from({ length: 48 }, (_, i) => (i % 5 === 0 ? compressWithTwoEnds(i % 16) : compress(i % 16, i % 7))),
    );
    for (const piece of [1, 7, 1030, 5000, stream.length]) {
      const answers = new CompressedAnswers(shape, false);
      const place: AnswerPlace = { answerVariant: 0, unclaimedBytes: 0 };
      let count = 0;
      for (let at = 0; at < stream.length; at += piece) count += read(answers, place, stream.subarray(at, at + piece));
      expect({ count, ...place }).toEqual({ count: 48, answerVariant: 0, unclaimedBytes: 0 });
    }
  });

  test('are kept apart by connection when incomplete', () => {
    const answers = new CompressedAnswers(shape, false);
    const places: AnswerPlace[] = [0, 1].map((answerVariant) => ({ answerVariant, unclaimedBytes: 0 }));
    const frames = places.map(({ answerVariant }) => compress(answerVariant, 3));
    for (const [i, place] of places.entries()) expect(read(answers, place, frames[i]!.subarray(0, 9))).toBe(0);
    expect(places.map(({ unclaimedBytes }) => unclaimedBytes)).toEqual([9, 9]);
    for (const [i, place] of places.entries()) expect(read(answers, place, frames[i]!.subarray(9))).toBe(1);
    expect(places.map(({ answerVariant }) => answerVariant)).toEqual([1, 2]);
  });

  const good = compress(1, 3);

  test.each<[string, Buffer]>([
    ['another message', compress(2, 3)],
    ['the message before again', compress(0, 3)],
    ['a longer message', buildFrame({ ...shape, bytes: 1025 }, false, 1)],
    ['a shorter message', buildFrame({ ...shape, bytes: 1023 }, false, 1)],
    ['an uncompressed message', buildFrame({ kind: 'binary', bytes: 1024 }, false, 1)],
    ['text instead of bytes', Buffer.from(good).fill(0xc1, 0, 1)],
    ['a changed byte in the middle', changed(good, 500)],
    ['a changed byte at the end', changed(good, good.length - 2)],
    ['an empty message', frameOf(Buffer.of(0), COMPRESSED_BINARY, false)],
    ['a frame that is too long', Buffer.concat([Buffer.of(COMPRESSED_BINARY, 127), Buffer.alloc(70_000)])],
  ])('refuse %s, also when the right one is known', (_, wrong) => {
    const answers = new CompressedAnswers(shape, false);
    expect(read(answers, { answerVariant: 0, unclaimedBytes: 0 }, compress(0, 3), good)).toBe(2);
    expect(read(answers, { answerVariant: 0, unclaimedBytes: 0 }, compress(0, 3), wrong)).toBe(-1);
    expect(read(new CompressedAnswers(shape, false), { answerVariant: 1, unclaimedBytes: 0 }, wrong)).toBe(-1);
  });
});

describe('compressed messages of clients', () => {
  /** Builds the frame of a message, compressed and masked as by a client, each time with another key. */
  function send(variant: number, level: number, key = Buffer.from([variant, 0xff, level, 0x5a])): Buffer {
    const bare = compress(variant, level);
    const headBytes = bare[1]! < 126 ? 2 : 4;
    const payload = bare.subarray(headBytes).map((byte, i) => byte ^ key[i & 3]!);
    const frame = Buffer.concat([bare.subarray(0, headBytes), key, payload]);
    frame[1]! |= 0x80;
    return frame;
  }

  test.each(['binary', 'object'] as const)('are counted with any sizes and keys: %s', (kind) => {
    const ofClients: MessageShape = { ...shape, kind };
    const stream = Buffer.concat(
      kind === 'binary'
        ? Array.from({ length: 48 }, (_, i) => send(i % 16, i % 7))
        : Array.from({ length: 48 }, (_, i) => buildFrame(ofClients, true, i % 16)),
    );
    for (const piece of [1, 1030, stream.length]) {
      const messages = new CompressedAnswers(ofClients, true);
      const place: AnswerPlace = { answerVariant: 0, unclaimedBytes: 0 };
      let count = 0;
      for (let at = 0; at < stream.length; at += piece) count += read(messages, place, stream.subarray(at, at + piece));
      expect({ count, ...place }).toEqual({ count: 48, answerVariant: 0, unclaimedBytes: 0 });
    }
  });

  test.each<[string, Buffer]>([
    ['the message after a lost one', send(2, 3)],
    ['the message before again', send(0, 3)],
    ['an uncompressed message', buildFrame({ kind: 'binary', bytes: 1024 }, true, 1)],
    ['an unmasked message', compress(1, 3)],
    ['a changed byte', changed(send(1, 3), 500)],
    ['a changed masking key', changed(send(1, 3), 5)],
    ['a ping', frameOf(Buffer.alloc(0), 0x89, true)],
  ])('refuse %s, also when the right one is known', (_, wrong) => {
    const messages = new CompressedAnswers(shape, true);
    expect(read(messages, { answerVariant: 0, unclaimedBytes: 0 }, send(0, 3), send(1, 3))).toBe(2);
    expect(read(messages, { answerVariant: 0, unclaimedBytes: 0 }, send(0, 3), wrong)).toBe(-1);
    expect(read(new CompressedAnswers(shape, true), { answerVariant: 1, unclaimedBytes: 0 }, wrong)).toBe(-1);
  });

  test('are refused when an answer has a mask', () => {
    expect(read(new CompressedAnswers(shape, false), { answerVariant: 1, unclaimedBytes: 0 }, send(1, 3))).toBe(-1);
  });
});

describe('a load of compressed messages', () => {
  async function run(answerTo: (received: Received) => Buffer): Promise<number> {
    const port = await startLoadServer(answerTo, shape);
    const load = new Load({ port, shape, connections: 2, pattern: 'echo', inFlight: 4, checksAnswers: true });
    try {
      await load.open();
      const { messages } = await load.run(20);
      await load.verify();
      return messages;
    } finally {
      load.close();
    }
  }

  const frames = Array.from({ length: countVariants(shape) }, (_, variant) => compress(variant, variant % 2));

  test('counts answers of any length', async () => {
    expect(await run(({ variant }) => frames[variant]!)).toBeGreaterThanOrEqual(8);
  });

  test.each<[string, (received: Received) => Buffer]>([
    ['at once', ({ variant }) => changed(frames[variant]!, 500)],
    ['later', ({ n, variant }) => (n === 4 ? changed(frames[variant]!, 500) : frames[variant]!)],
    ['in another order', ({ n, variant }) => frames[n === 4 ? (variant + 1) % 16 : variant]!],
  ])('refuses a wrong answer: %s', async (_, answerTo) => {
    await expect(run(answerTo)).rejects.toThrow(WRONG_ANSWER);
  });
});
