import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { writeParts } from '../helpers/arbitraries.ts';
import { ROLES } from '../helpers/frames.ts';
import { heldBytes } from '../helpers/memory.ts';
import { type Harness, openConnection } from '../helpers/protocol-harness.ts';
import { checkLaws } from './check-laws.ts';
import { connectionLaws } from './laws/protocol-connection.ts';

checkLaws(connectionLaws);

describe.each(ROLES)('the %s', (role) => {
  test('RFC 6455 10.4: memory stays within the limit of each connection, and no read buffer is kept', () => {
    const limits = { maxMessageBytes: 100_000, maxFragments: 1_000_000 };
    const open: Harness[] = [];
    const before = heldBytes();
    fc.assert(
      fc.property(fc.nat(90_000), fc.array(fc.nat(2), { minLength: 50, maxLength: 50 }), (pieceBytes, fragments) => {
        const harness = openConnection(role, limits);
        open.push(harness);
        for (const [i, fragmentBytes] of [pieceBytes, ...fragments].entries()) {
          const stream = writeParts(role, [{ first: i === 0 ? 2 : 0, payload: Buffer.alloc(fragmentBytes) }]);
          // The buffer is as large as a read buffer of a socket: a slice that is kept would keep all of it.
          const readBuffer = Buffer.allocUnsafeSlow(200_000);
          stream.copy(readBuffer);
          harness.connection.receive(readBuffer.subarray(0, stream.length - 1));
          harness.connection.receive(readBuffer.subarray(stream.length - 1, stream.length));
        }
        expect(harness.sink.events).toEqual([]);
      }),
      { numRuns: 15 },
    );
    expect(open.length).toBe(15);
    expect(heldBytes() - before).toBeLessThan(15 * limits.maxMessageBytes + 2_000_000);
  });

  test('RFC 6455 10.4: long streams of the smallest frames, in the smallest pieces, take time in proportion', () => {
    const streams = [
      Array.from({ length: 40_000 }, () => ({ first: 0x89, payload: Buffer.alloc(0) })),
      Array.from({ length: 40_000 }, (_, i) => ({ first: i === 0 ? 1 : 0, payload: Buffer.from('a') })),
      Array.from({ length: 40_000 }, (_, i) => ({ first: i === 0 ? 2 : 0, payload: Buffer.alloc(0) })),
    ].map((parts) => writeParts(role, parts));
    const limits = { maxMessageBytes: 1_000_000, maxFragments: 1_000_000 };
    const started = process.cpuUsage();
    for (const stream of streams) {
      const { connection } = openConnection(role, limits);
      for (let i = 0; i < stream.length; i++) connection.receive(Buffer.from([stream[i]!]));
      expect(connection.isClosing).toBe(false);
    }
    // Linear work takes less than a second; quadratic work on these streams would take minutes.
    expect(process.cpuUsage(started).user).toBeLessThan(10_000_000);
  });
});
