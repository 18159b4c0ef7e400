import { beforeEach, describe, expect, test } from 'vitest';
import { forgetSharedMessage, PreparedMessage, sharedMessage } from '../../src/protocol/prepared-message.ts';
import { FakeCompression } from '../helpers/fake-compression.ts';
import { hex } from '../helpers/frames.ts';

/** Deflates a message and records the result as hex, or the message of the error. */
function deflateInto(results: string[], message: PreparedMessage, compression: FakeCompression): void {
  message.deflate(compression.deflater, (error, result) => results.push(error?.message ?? result.toString('hex')));
}

describe('a shared frame', () => {
  test.each([
    ['text', 'Hello', '810548656c6c6f'],
    ['text of two bytes for a character', 'é', '8102c3a9'],
    ['empty text', '', '8100'],
    ['bytes', hex('0102'), '82020102'],
    ['no bytes', Buffer.alloc(0), '8200'],
  ])('of %s has a header and the payload', (_, data, expected) => {
    expect(new PreparedMessage(data).frame.toString('hex')).toBe(expected);
  });

  test.each([
    [125, '827d'],
    [126, '827e007e'],
    [65_536, '827f0000000000010000'],
  ])('of %i bytes has the right length field', (length, header) => {
    const { frame } = new PreparedMessage(Buffer.alloc(length, 7));
    expect(frame.toString('hex', 0, header.length / 2)).toBe(header);
    expect(frame.subarray(header.length / 2).equals(Buffer.alloc(length, 7))).toBe(true);
  });

  test('is built once, in separate memory', () => {
    const message = new PreparedMessage('Hello');
    expect(message.frame).toBe(message.frame);
    expect(message.frame.buffer.byteLength).toBe(message.frame.length);
  });
});

describe.each([
  ['at once', true],
  ['later', false],
])('deflate() that ends %s', (_, isAtOnce) => {
  test('deflates once for each deflater, for early and late callers', () => {
    const [left, right] = [new FakeCompression(isAtOnce, true), new FakeCompression(isAtOnce, true)];
    const message = new PreparedMessage('a');
    const results: string[] = [];
    for (const compression of [left, right, left]) deflateInto(results, message, compression);
    left.finishJobs();
    right.finishJobs();
    deflateInto(results, message, left);
    expect(results).toEqual(['6461', '6461', '6461', '6461']);
    expect([left.deflated, right.deflated]).toEqual([1, 1]);
  });

  test('reports an error to all callers and does not try again', () => {
    const compression = new FakeCompression(isAtOnce, true);
    compression.deflateError = new Error('broken');
    const message = new PreparedMessage('a');
    const results: string[] = [];
    deflateInto(results, message, compression);
    deflateInto(results, message, compression);
    compression.finishJobs();
    deflateInto(results, message, compression);
    expect(results).toEqual(['broken', 'broken', 'broken']);
    expect(compression.deflated).toBe(1);
  });
});

describe('sharedMessage()', () => {
  beforeEach(forgetSharedMessage);

  test('returns one message from the second call with the same text on', () => {
    expect(sharedMessage('a')).toBeUndefined();
    const message = sharedMessage('a')!;
    expect(message.payload.toString()).toBe('a');
    expect(sharedMessage('a')).toBe(message);
  });

  test('forgets a text when another one is sent', () => {
    sharedMessage('a');
    expect(sharedMessage('a')).toBeDefined();
    expect(sharedMessage('b')).toBeUndefined();
    expect(sharedMessage('a')).toBeUndefined();
  });

  test('forgets the text at the end of the turn', () => {
    sharedMessage('a');
    sharedMessage('a');
    forgetSharedMessage();
    expect(sharedMessage('a')).toBeUndefined();
  });
});

test('a long text that is sent twice is not compared with the last one, and so not shared', () => {
  const [long, longer] = [65_536, 65_537].map((length) => 'x'.repeat(length));
  expect([sharedMessage(long!), sharedMessage(long!)?.payload.length]).toEqual([undefined, 65_536]);
  expect([sharedMessage(longer!), sharedMessage(longer!)]).toEqual([undefined, undefined]);
});
