import { CLOSES_IN_ORDER, type ConformanceCase, type DataKind, numbered, type Step } from '../case.ts';

const KIB = 1024;
const MIB = 1024 * KIB;

/** The repeated bytes of each kind of message. */
const PATTERNS: Readonly<Record<DataKind, string>> = { text: '4241736437266a683233', binary: '00fe23faf0' };
const OPCODES: Readonly<Record<DataKind, number>> = { text: 0x81, binary: 0x82 };

const SIZES = [64 * KIB, 256 * KIB, MIB, 4 * MIB, 8 * MIB, 16 * MIB];
const FRAGMENTS = [64, 256, KIB, 4 * KIB, 16 * KIB, 64 * KIB, 256 * KIB, MIB, 4 * MIB];
const CHOPS = [64, 128, 256, 512, 1024, 2048];
const ECHO_SIZES = [0, 16, 64, 256, KIB, 4 * KIB];

function sizes(family: string, kind: DataKind): ConformanceCase[] {
  return numbered(
    family,
    SIZES.map((bytes) => whole(`a ${kind} message of ${bytes} bytes comes back`, kind, bytes)),
  );
}

function fragments(family: string, kind: DataKind): ConformanceCase[] {
  return numbered(
    family,
    FRAGMENTS.map((fragmentBytes, index) => {
      // Only the first binary message has other bytes than the text messages.
      const payload = { pattern: kind === 'binary' && index === 0 ? 'fe' : '2a', bytes: 4 * MIB };
      return {
        title: `a ${kind} message of 4 MiB in fragments of ${fragmentBytes} comes back`,
        steps: [{ message: kind, payload, fragmentBytes }],
        expected: [{ message: kind, payload }],
        ending: CLOSES_IN_ORDER,
      };
    }),
  );
}

function chops(family: string, kind: DataKind): ConformanceCase[] {
  return numbered(
    family,
    CHOPS.map((chop) => whole(`a ${kind} message of 1 MiB in writes of ${chop} comes back`, kind, MIB, chop)),
  );
}

function whole(title: string, kind: DataKind, bytes: number, chop?: number): Omit<ConformanceCase, 'id'> {
  const payload = { pattern: PATTERNS[kind], bytes };
  const steps: Step[] = [{ frame: OPCODES[kind], payload }];
  return { title, steps, chop, expected: [{ message: kind, payload }], ending: CLOSES_IN_ORDER };
}

function roundTrips(family: string, kind: DataKind, pattern: string): ConformanceCase[] {
  return numbered(
    family,
    ECHO_SIZES.map((bytes) => ({
      title: `1000 ${kind} messages of ${bytes} bytes come back one by one`,
      steps: [{ exchange: 1000, message: kind, payload: { pattern, bytes } }],
      expected: [],
      ending: CLOSES_IN_ORDER,
    })),
  );
}

/** Categories 9 and 10: large messages, many fragments, many writes, many round trips. */
export const limits: readonly ConformanceCase[] = [
  ...sizes('9.1', 'text'),
  ...sizes('9.2', 'binary'),
  ...fragments('9.3', 'text'),
  ...fragments('9.4', 'binary'),
  ...chops('9.5', 'text'),
  ...chops('9.6', 'binary'),
  ...roundTrips('9.7', 'text', '2a'),
  ...roundTrips('9.8', 'binary', 'fe'),
  ...numbered('10.1', [
    {
      title: 'a message of 65536 bytes in fragments of 1300 comes back',
      steps: [{ message: 'text', payload: { pattern: '2a', bytes: 65_536 }, fragmentBytes: 1300 }],
      expected: [{ message: 'text', payload: { pattern: '2a', bytes: 65_536 } }],
      ending: CLOSES_IN_ORDER,
    },
  ]),
];
