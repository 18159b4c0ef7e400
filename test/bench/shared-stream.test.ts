import { describe, expect, test } from 'vitest';
import { frameOf } from '../../bench/load/frames.ts';
import { SharedStream } from '../../bench/load/shared-stream.ts';

const [first, second, long] = ['one', 'two', 'x'.repeat(70_000)].map((text) => frameOf(Buffer.from(text), 0x81, false));
const bytes = Buffer.concat([first, second, long] as Buffer[]);

function streamOf(chunks: readonly Buffer[]): { stream: SharedStream; texts: string[] } {
  const texts: string[] = [];
  const stream = new SharedStream((text) => texts.push(text));
  let at = 0;
  for (const chunk of chunks) {
    stream.take(at, chunk);
    at += chunk.length;
  }
  return { stream, texts };
}

describe('what all connections of a topic get', () => {
  test('is read once, however it is cut', () => {
    const { stream, texts } = streamOf([bytes.subarray(0, 1), bytes.subarray(1, 7), bytes.subarray(7, 69_000)]);
    expect(texts).toEqual(['one', 'two']);
    expect(stream.isWhole).toBe(false);
    // A connection that is behind overtakes.
    stream.take(3, bytes.subarray(3));
    expect(texts.map((text) => text.length)).toEqual([3, 3, 70_000]);
    expect(stream.isWhole).toBe(true);
    stream.take(0, bytes);
    expect(texts).toHaveLength(3);
  });

  test.each([4, 9, 60_000])('must be the same: byte %i is not', (index) => {
    const { stream } = streamOf([bytes]);
    const other = Buffer.from(bytes);
    other[index] = (other[index] as number) ^ 1;
    expect(() => stream.take(0, other)).toThrow('two connections got other bytes');
  });

  test('begins anew with each exchange, and holds only texts', () => {
    const { stream, texts } = streamOf([bytes]);
    stream.reset();
    stream.take(0, second as Buffer);
    expect(texts.at(-1)).toBe('two');
    expect(() => stream.take(second?.length ?? 0, Buffer.from([0x88, 0]))).toThrow('a frame that begins with 136');
  });
});
