import { describe, expect, test } from 'vitest';
import { openPair, LIBRARY_SIDES, nextOf } from './pair.ts';

const MAX_MESSAGE_BYTES = 1000;
const MAX_FRAGMENTS = 4;
const LIMITS = { maxMessageBytes: MAX_MESSAGE_BYTES, maxFragments: MAX_FRAGMENTS };

const echo = {
  onMessage: (ws: { send(message: string): unknown }, { data }: { data: unknown }): void =>
    void ws.send(data as string),
};

/** The lengths of the fragments of a message, with the close code, undefined when the message is echoed. */
const MESSAGES: readonly (readonly [title: string, fragments: readonly number[], closeCode: number | undefined])[] = [
  ['a message of exactly maxMessageBytes is echoed', [1000], undefined],
  ['a message of one byte more is refused', [1001], 1009],
  ['a much longer message is refused', [300_000], 1009],
  ['fragments of exactly maxMessageBytes are echoed', [500, 250, 250], undefined],
  ['fragments of one byte more are refused', [500, 500, 1], 1009],
  ['exactly maxFragments fragments are echoed', [1, 1, 1, 1], undefined],
  ['one fragment more is refused', [1, 1, 1, 1, 1], 1008],
  ['100 empty fragments are refused', Array.from({ length: 100 }, () => 0), 1008],
];

describe.each(LIBRARY_SIDES)('RFC 6455 10.4: limits of the %s', (side) => {
  test.each(MESSAGES)('RFC 6455 10.4: %s', async (_title, fragments, closeCode) => {
    const { runner } = await openPair(side, echo, LIMITS);
    const frames = fragments.map((bytes, index) =>
      runner.frame((index === 0 ? 1 : 0) | (index === fragments.length - 1 ? 0x80 : 0), Buffer.alloc(bytes, 'a')),
    );
    runner.write(Buffer.concat(frames));
    const total = fragments.reduce((sum, bytes) => sum + bytes, 0);
    expect(await nextOf(runner)).toEqual(
      closeCode === undefined
        ? { kind: 'message', isText: true, payload: Buffer.alloc(total, 'a') }
        : { kind: 'close', code: closeCode },
    );
  });

  test('RFC 6455 10.4: a header that announces too many bytes is refused before any payload', async () => {
    const { runner } = await openPair(side, echo, LIMITS);
    runner.write(runner.frame(0x81, Buffer.alloc(0), { announcedBytes: 2 ** 40 }));
    expect(await nextOf(runner)).toEqual({ kind: 'close', code: 1009 });
  });

  test('RFC 7692 9: a small message that would inflate beyond the limit ends the connection', async () => {
    const deflate = [{ noContextTakeover: false, maxWindowBits: undefined }];
    const { runner } = await openPair(side, echo, { ...LIMITS, compression: true }, { deflate });
    const bomb = await runner.deflate!.deflate(Buffer.alloc(1_000_000, 'a'));
    runner.write(runner.frame(0xc1, bomb.length < MAX_MESSAGE_BYTES ? bomb : bomb.subarray(0, MAX_MESSAGE_BYTES)));
    expect(await nextOf(runner)).toEqual({ kind: 'close', code: 1009 });
  });
});
