import { type ConformanceCase, type FrameStep, failsWith, hexOf, numbered } from '../case.ts';

const HELLO = hexOf('Hello');

function wrongMask(title: string, frame: FrameStep): Omit<ConformanceCase, 'id'> {
  return {
    title: `${title} with the wrong mask bit fails the connection`,
    steps: [{ ...frame, isMaskWrong: true }],
    expected: [],
    ending: failsWith(1002),
  };
}

/** A case with a length field that is too long (RFC 6455 section 5.2), or whose first bit is set. */
function badLength(title: string, bytes: number, lengthBytes: 2 | 8): Omit<ConformanceCase, 'id'> {
  return {
    title: `${title} fails the connection`,
    steps: [
      { frame: 0x81, payload: { pattern: '2a', bytes: Math.min(bytes, 65_535) }, lengthBytes, announcedBytes: bytes },
    ],
    expected: [],
    ending: failsWith(1002),
  };
}

/** Additional cases: violations that this library refuses and many others accept. */
export const strictness: readonly ConformanceCase[] = [
  ...numbered('mask', [
    wrongMask('a text message', { frame: 0x81, payload: HELLO }),
    wrongMask('an empty text message', { frame: 0x81, payload: '' }),
    wrongMask('a binary message', { frame: 0x82, payload: '00ff' }),
    wrongMask('a ping', { frame: 0x89, payload: HELLO }),
    wrongMask('a pong', { frame: 0x8a, payload: '' }),
    wrongMask('a close frame', { frame: 0x88, payload: '03e8' }),
    wrongMask('a long message', { frame: 0x82, payload: { pattern: 'fe', bytes: 70_000 } }),
    {
      title: 'a valid message before a frame with the wrong mask bit comes back',
      steps: [
        { frame: 0x81, payload: HELLO },
        { frame: 0x81, payload: HELLO, isMaskWrong: true },
      ],
      expected: [{ message: 'text', payload: HELLO }],
      ending: failsWith(1002),
    },
    {
      title: 'a last fragment with the wrong mask bit fails the connection',
      steps: [
        { frame: 0x01, payload: HELLO },
        { frame: 0x80, payload: HELLO, isMaskWrong: true },
      ],
      expected: [],
      ending: failsWith(1002),
    },
  ]),
  ...numbered('length', [
    badLength('a length of 0 in two bytes', 0, 2),
    badLength('a length of 125 in two bytes', 125, 2),
    badLength('a length of 125 in eight bytes', 125, 8),
    badLength('a length of 65535 in eight bytes', 65_535, 8),
    badLength('a length of 2^63', 2 ** 63, 8),
  ]),
];
