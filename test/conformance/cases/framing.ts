import { CLOSES_IN_ORDER, type ConformanceCase, type DataKind, numbered } from '../case.ts';

/** Lengths around the limits of the three length fields. The last one is also sent in small pieces. */
const LENGTHS: readonly (readonly [bytes: number, chop?: number])[] = [
  [0],
  [125],
  [126],
  [127],
  [128],
  [65_535],
  [65_536],
  [65_536, 997],
];

function family(id: string, kind: DataKind, opcode: number, pattern: string): ConformanceCase[] {
  return numbered(
    id,
    LENGTHS.map(([bytes, chop]) => ({
      title: `a ${kind} message of ${bytes} bytes${chop === undefined ? '' : ` in writes of ${chop}`} comes back`,
      steps: [{ frame: 0x80 | opcode, payload: { pattern, bytes } }],
      chop,
      expected: [{ message: kind, payload: { pattern, bytes } }],
      ending: CLOSES_IN_ORDER,
    })),
  );
}

/** Category 1: lengths of frames. */
export const framing: readonly ConformanceCase[] = [
  ...family('1.1', 'text', 0x1, '2a'),
  ...family('1.2', 'binary', 0x2, 'fe'),
];
