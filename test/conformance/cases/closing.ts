import {
  CLOSES_IN_ORDER,
  type ConformanceCase,
  type Ending,
  hexOf,
  numbered,
  type Payload,
  type Step,
} from '../case.ts';

const TEXT = 0x81;
const CLOSE = 0x88;
const HELLO = hexOf('Hello World!');
const NORMAL = '03e8';
const BIG: Payload = { pattern: '4241736437266a683233', bytes: 262_144 };

/** An end after an invalid close frame: the peer answers with one of these codes, or ends TCP. */
function refuses(...codes: number[]): Ending {
  return { by: 'runner', codes, isClean: false };
}

function ofCode(code: number, ending: Ending): Omit<ConformanceCase, 'id'> {
  return {
    title: `a close frame with ${code} is ${ending.isClean ? 'answered' : 'refused'}`,
    steps: [{ frame: CLOSE, payload: code.toString(16).padStart(4, '0') }],
    expected: [],
    ending,
  };
}

/** A case with a code outside all ranges of RFC 6455 section 7.4.2. */
function undefinedCode(code: number): Omit<ConformanceCase, 'id'> {
  const { steps, expected, ending } = ofCode(code, refuses(1000, code, 1002));
  return { title: `the answer to a close frame with ${code}`, steps, expected, ending, isInformational: true };
}

/** A case with a frame behind the close frame, which must not be answered. */
function behindClose(title: string, before: readonly Step[], behind: Step): Omit<ConformanceCase, 'id'> {
  return {
    title,
    steps: [...before, { frame: CLOSE, payload: NORMAL }, behind],
    expected: [],
    ending: CLOSES_IN_ORDER,
  };
}

const VALID_CODES = [1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 3000, 3999, 4000, 4999];
const INVALID_CODES = [0, 999, 1004, 1005, 1006, 1016, 1100, 2000, 2999];
const STARS_123 = '2a'.repeat(123);

/** Category 7: the closing handshake, started by the runner. */
export const closing: readonly ConformanceCase[] = [
  ...numbered('7.1', [
    {
      title: 'a message comes back before the connection is closed',
      steps: [{ frame: TEXT, payload: HELLO }],
      expected: [{ message: 'text', payload: HELLO }],
      ending: CLOSES_IN_ORDER,
    },
    behindClose('a second close frame is ignored', [], { frame: CLOSE, payload: '' }),
    behindClose('a ping behind the close frame is not answered', [], { frame: 0x89, payload: '' }),
    behindClose('a message behind the close frame does not come back', [], { frame: TEXT, payload: HELLO }),
    behindClose(
      'a message that the close frame cuts in two does not come back',
      [{ frame: 0x01, payload: hexOf('fragment1') }],
      { frame: 0x80, payload: hexOf('fragment2') },
    ),
    {
      // The close frame of the peer may overtake echoes that wait to be written.
      title: 'a large message, a small one and a close frame in one write: some or all messages come back',
      steps: [
        { frame: TEXT, payload: BIG },
        { frame: TEXT, payload: HELLO },
        { frame: CLOSE, payload: NORMAL },
        { frame: 0x89, payload: '' },
      ],
      expected: [
        { message: 'text', payload: BIG },
        { message: 'text', payload: HELLO },
      ],
      ending: CLOSES_IN_ORDER,
      isInformational: true,
    },
  ]),
  ...numbered('7.3', [
    {
      title: 'a close frame without payload is answered',
      steps: [{ frame: CLOSE, payload: '' }],
      expected: [],
      // RFC 6455 section 5.5.1: the answer typically echoes the code, but here is no code.
      ending: { by: 'runner', codes: [1000, 'none'], isClean: true },
    },
    {
      title: 'a close frame of one byte is refused',
      steps: [{ frame: CLOSE, payload: '61' }],
      expected: [],
      ending: refuses(1002),
    },
    ofCode(1000, CLOSES_IN_ORDER),
    ...[hexOf('Reason text!'), STARS_123].map((reason) => ({
      title: `a close frame with a reason of ${reason.length / 2} bytes is answered`,
      steps: [{ frame: CLOSE, payload: NORMAL + reason }],
      expected: [],
      ending: CLOSES_IN_ORDER,
    })),
    {
      title: 'a close frame with a reason of 124 bytes is refused',
      steps: [{ frame: CLOSE, payload: `${NORMAL}${STARS_123}2a` }],
      expected: [],
      ending: refuses(1002),
    },
  ]),
  ...numbered('7.5', [
    {
      title: 'a close frame with a reason that is not UTF-8 is refused',
      steps: [{ frame: CLOSE, payload: `${NORMAL}cebae1bdb9cf83cebcceb5eda080656469746564` }],
      expected: [],
      ending: refuses(1002, 1007),
    },
  ]),
  ...numbered(
    '7.7',
    VALID_CODES.map((code) => ofCode(code, { by: 'runner', codes: [...new Set([1000, code])], isClean: true })),
  ),
  ...numbered(
    '7.9',
    INVALID_CODES.map((code) => ofCode(code, refuses(1002))),
  ),
  ...numbered('7.13', [5000, 65_535].map(undefinedCode)),
];
