import { describe, expect, test } from 'vitest';
import { useFakeClock } from '../helpers/fake-clock.ts';
import { frame, otherRole } from '../helpers/frames.ts';
import { sides } from '../helpers/sides.ts';
import { turns } from '../helpers/turns.ts';

const STEP_BYTES = 16_384;
const TIMEOUT_MS = 1000;

describe.each(sides)('a message that comes slowly ($name)', (side) => {
  test.each([
    ['in one frame', 1],
    ['in fragments', 20],
  ])(
    '4D-191 arrives %s, because incompleteMessageTimeoutMs begins anew with every 16 KiB',
    async (_name, frameCount) => {
      const clock = useFakeClock();
      const { handler, socket } = await side.connectRaw(
        { dataType: 'blob' },
        { incompleteMessageTimeoutMs: TIMEOUT_MS },
      );
      // Without this, the system holds a piece back until the one before it is acknowledged, on the real clock.
      socket.setNoDelay();
      const payload = Buffer.alloc(20 * STEP_BYTES, 7);
      const frameBytes = payload.length / frameCount;
      const frames = Array.from({ length: frameCount }, (_, i) => {
        const first = (i === frameCount - 1 ? 0x80 : 0) + (i === 0 ? 2 : 0);
        const part = payload.subarray(i * frameBytes, (i + 1) * frameBytes);
        return frame(otherRole(side.name), first.toString(16).padStart(2, '0'), part);
      });
      const stream = Buffer.concat(frames);
      for (let at = 0; at < stream.length; at += STEP_BYTES + 20) {
        socket.write(stream.subarray(at, at + STEP_BYTES + 20));
        await turns();
        await clock.advance(0.9 * TIMEOUT_MS);
      }
      while (handler.messages.length === 0 && handler.errors.length === 0) await turns(1);
      expect(handler.errors).toEqual([]);
      expect(payload.equals(handler.messages[0] as Buffer)).toBe(true);
    },
  );

  test.each([1, STEP_BYTES - 1])(
    '4D-191 ends its connection with 1008 when less than 16 KiB come within incompleteMessageTimeoutMs (%i bytes)',
    async (bytes) => {
      const clock = useFakeClock();
      const { handler, socket } = await side.connectRaw({}, { incompleteMessageTimeoutMs: TIMEOUT_MS });
      socket.setNoDelay();
      const stream = frame(otherRole(side.name), '82', Buffer.alloc(500_000));
      socket.write(stream.subarray(0, 100));
      await turns();
      await clock.advance(0.5 * TIMEOUT_MS);
      socket.write(stream.subarray(100, 100 + bytes));
      await turns();
      await clock.advance(0.6 * TIMEOUT_MS);
      while (handler.errors.length === 0) await turns(1);
      expect(handler.errors[0]!.error).toMatchObject({ code: 'ERR_INCOMPLETE_MESSAGE', closeCode: 1008, limit: 1000 });
    },
  );
});
