import { expect, test } from 'vitest';
import { INVALID_UTF8, readMessage } from '../../src/protocol/message-reader.ts';
import { hex } from '../helpers/frames.ts';

/** Reads a payload from the middle of a chunk, which is overwritten afterwards. */
function read(payload: Buffer, isText: boolean, decodesText = true): string | Buffer | undefined {
  const chunk = Buffer.concat([hex('ffff'), payload, hex('ff')]);
  const isAscii = payload.every((byte) => byte < 0x80);
  const message = readMessage(chunk, 2, 2 + payload.length, isText, isAscii, decodesText);
  chunk.fill(0xff);
  return message;
}

test.each(['', 'Hello', 'é€😀', '\uFEFFa', 'x'.repeat(5000)])(
  'RFC 6455 5.6: the text %j is read as string or bytes',
  (text) => {
    expect(read(Buffer.from(text), true)).toBe(text);
    expect(read(Buffer.from(text), true, false)).toEqual(Buffer.from(text));
    expect(read(Buffer.from(text), false)).toEqual(Buffer.from(text));
  },
);

test('RFC 6455 5.6: an ASCII text is read when isAscii is false', () => {
  expect(readMessage(Buffer.from('Hello'), 1, 4, true, false, true)).toBe('ell');
});

test.each(['ff', '61c3', 'eda080'])('RFC 6455 8.1: the text %s is not valid UTF-8', (payload) => {
  expect(read(hex(payload), true)).toBeUndefined();
  expect(read(hex(payload), true, false)).toBeUndefined();
  expect(read(hex(payload), false)).toEqual(hex(payload));
  expect(INVALID_UTF8).toContain('UTF-8');
});

test.each([0, 1, 511, 512, 1001, 4096, 4097, 100_000])(
  'messages of %i bytes share no bytes and are aligned to 8',
  (length) => {
    const messages = Array.from({ length: 80 }, (_, i) => read(Buffer.alloc(length, i), false) as Buffer);
    for (const [i, message] of messages.entries()) expect(message.equals(Buffer.alloc(length, i))).toBe(true);
    // A typed array of larger numbers needs an aligned offset.
    for (const { byteOffset } of messages) expect(byteOffset % 8).toBe(0);
  },
);

test('a message retains at most 64 times its size', () => {
  for (const length of [512, 1000, 4096, 5000]) {
    expect((read(Buffer.alloc(length), false) as Buffer).buffer.byteLength).toBeLessThanOrEqual(64 * length);
  }
});

test('bytes are copied to the beginning of memory that is passed', () => {
  const memory = Buffer.alloc(10, 'x');
  const chunk = Buffer.from('<Hello>');
  const messages = [false, true].map((isText) => readMessage(chunk, 1, 6, isText, false, false, memory) as Buffer);
  chunk.fill(0);
  expect(messages.map(String)).toEqual(['Hello', 'Hello']);
  expect(messages.map(({ buffer, byteOffset }) => [buffer === memory.buffer, byteOffset])).toEqual([
    [true, memory.byteOffset],
    [true, memory.byteOffset],
  ]);
  expect(memory.toString()).toBe('Helloxxxxx');
});
