import { type ConformanceCase, failsWith, type FrameStep, hexOf, numbered } from '../case.ts';

const HELLO = hexOf('Hello, world!');
const UNKNOWN = hexOf('reserved opcode payload');
const GOOD: FrameStep = { frame: 0x81, payload: HELLO };
const PING: FrameStep = { frame: 0x89, payload: '' };

/** A case with one invalid frame, which must not be answered. */
function alone(title: string, bad: FrameStep): Omit<ConformanceCase, 'id'> {
  return { title: `${title} fails the connection`, steps: [bad], expected: [], ending: failsWith(1002) };
}

/** A case with a valid message before the invalid frame, which must be echoed, and a ping after it, which must not. */
function between(title: string, bad: FrameStep, chop?: number | 'frames'): Omit<ConformanceCase, 'id'> {
  return {
    title: `${title} between a message and a ping fails the connection after the echo`,
    steps: [GOOD, bad, PING],
    chop,
    expected: [{ message: 'text', payload: HELLO }],
    lenient: [],
    ending: failsWith(1002),
  };
}

/** Categories 3 and 4: reserved bits and opcodes. */
export const reserved: readonly ConformanceCase[] = [
  ...numbered('3', [
    alone('text with RSV 1', { frame: 0x91, payload: HELLO }),
    between('text with RSV 2', { frame: 0xa1, payload: HELLO }),
    between('text with RSV 3, frame by frame,', { frame: 0xb1, payload: HELLO }, 'frames'),
    between('text with RSV 4, byte by byte,', { frame: 0xc1, payload: HELLO }, 1),
    alone('binary with RSV 5', { frame: 0xd2, payload: '00fffefdfcfb00ff' }),
    alone('binary with RSV 6', { frame: 0xe2, payload: HELLO }),
    alone('a close frame with RSV 7', { frame: 0xf8, payload: '' }),
  ]),
  ...numbered('4.1', [
    alone('opcode 3', { frame: 0x83, payload: '' }),
    alone('opcode 4 with payload', { frame: 0x84, payload: UNKNOWN }),
    between('opcode 5', { frame: 0x85, payload: '' }),
    between('opcode 6 with payload', { frame: 0x86, payload: HELLO }),
    between('opcode 7 with payload, byte by byte,', { frame: 0x87, payload: HELLO }, 1),
  ]),
  ...numbered('4.2', [
    alone('opcode 11', { frame: 0x8b, payload: '' }),
    alone('opcode 12 with payload', { frame: 0x8c, payload: UNKNOWN }),
    between('opcode 13', { frame: 0x8d, payload: '' }),
    between('opcode 14 with payload', { frame: 0x8e, payload: HELLO }),
    between('opcode 15 with payload, byte by byte,', { frame: 0x8f, payload: HELLO }, 1),
  ]),
];
