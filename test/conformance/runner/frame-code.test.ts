import { describe, expect, test } from 'vitest';
import { frame } from '../../helpers/frames.ts';
import { FrameReader, type Incoming, type RunnerRole } from './frame-code.ts';

function readAll(role: RunnerRole, bytes: Buffer, mayCompress = false): Incoming[] {
  const reader = new FrameReader(role, mayCompress);
  reader.push(bytes);
  const all: Incoming[] = [];
  for (let each = reader.read(); each !== undefined; each = reader.read()) all.push(each);
  return all;
}

/** Frames that a server must not send, with the reported problem. */
const VIOLATIONS: readonly (readonly [bytes: Buffer, problem: string])[] = [
  [frame('client', '81', '6869'), 'a wrong mask bit'],
  [frame('server', '81', '', { lengthBytes: 2 }), 'a length in more bytes than it needs'],
  [frame('server', '81', '61'.repeat(300), { lengthBytes: 8 }), 'a length in more bytes than it needs'],
  [frame('server', 'c1', '6869'), 'reserved bits'],
  [frame('server', 'a1', '6869'), 'reserved bits'],
  [frame('server', '83', ''), 'opcode 3'],
  [frame('server', '8b', ''), 'opcode 11'],
  [frame('server', '80', ''), 'fragments out of order'],
  [Buffer.concat([frame('server', '01', ''), frame('server', '81', '')]), 'fragments out of order'],
  [frame('server', '09', ''), 'a control frame that is too long or cut'],
  [frame('server', '8a', '61'.repeat(126)), 'a control frame that is too long or cut'],
  [frame('server', '88', '03'), 'a malformed close frame'],
  [frame('server', '88', '03e8ff'), 'a malformed close frame'],
  [Buffer.concat([frame('server', '88', ''), frame('server', '81', '')]), 'something behind its close frame'],
];

describe("RFC 6455 5.2: the runner's frame code", () => {
  test.each(VIOLATIONS)('RFC 6455 5.2: %o is reported as %s', (bytes, problem) => {
    expect(() => readAll('client', bytes)).toThrow(problem);
  });

  test('RFC 6455 5.4: messages and control frames are read from pieces of 7 bytes', () => {
    const bytes = Buffer.concat([
      frame('client', '01', '68'),
      frame('client', '89', ''),
      frame('client', '80', '69'),
      frame('client', '82', '00'.repeat(70_000)),
    ]);
    const reader = new FrameReader('server', false);
    const all: Incoming[] = [];
    for (let offset = 0; offset < bytes.length; offset += 7) {
      reader.push(bytes.subarray(offset, offset + 7));
      for (let each = reader.read(); each !== undefined; each = reader.read()) all.push(each);
    }
    expect(all.map(({ opcode, payload }) => [opcode, payload.length])).toEqual([
      [9, 0],
      [1, 2],
      [2, 70_000],
    ]);
    expect(all[1]!.payload.toString()).toBe('hi');
  });

  test('RFC 7692 6: RSV1 is accepted when compression was negotiated', () => {
    expect(readAll('client', frame('server', 'c1', '00'), true)).toEqual([
      { opcode: 1, payload: Buffer.from([0]), isCompressed: true },
    ]);
  });
});
