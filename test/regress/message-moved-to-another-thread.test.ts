import { expect, test } from 'vitest';
import { MessageAssembler } from '../../src/protocol/message-assembler.ts';

const LIMITS = { maxMessageBytes: 100_000, maxFragments: 10 };
const BINARY = 0x82;

/** Messages shared one ArrayBuffer, so transferring one message emptied the messages of other connections. */
test.each([100, 512, 1000, 4096, 5000])(
  'a message of %i bytes that is transferred leaves other messages intact',
  (byteCount) => {
    const received: Buffer[] = [];
    for (const fill of [1, 2, 3]) {
      const listener = {
        onAssembledMessage: (data: string | Buffer) => received.push(data as Buffer),
        onMessageViolation: () => {},
        staleMs: 0,
        onInflating: () => {},
        onInflated: () => {},
      };
      const assembler = new MessageAssembler(listener, LIMITS, true, undefined);
      assembler.begin(BINARY, byteCount);
      assembler.take(Buffer.alloc(byteCount, fill), 0, byteCount, false, true);
    }
    const [before, moved, after] = received as [Buffer, Buffer, Buffer];
    try {
      structuredClone(moved, { transfer: [moved.buffer as ArrayBuffer] });
    } catch (error) {
      // Newer versions of Node refuse to transfer such memory, older versions copy it.
      expect(error).toMatchObject({ name: 'DataCloneError' });
    }
    expect(before.equals(Buffer.alloc(byteCount, 1))).toBe(true);
    expect(after.equals(Buffer.alloc(byteCount, 3))).toBe(true);
  },
);
