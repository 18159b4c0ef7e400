import {
  CLOSES_IN_ORDER,
  type ConformanceCase,
  type Expected,
  failsWith,
  type FrameStep,
  hexOf,
  numbered,
  type Step,
} from '../case.ts';

/** The sizes of writes for most cases: one write for all, one write per frame, one write per byte. */
const CHOPS = [
  [undefined, 'in one write'],
  ['frames', 'frame by frame'],
  [1, 'byte by byte'],
] as const;

const TEXT = 0x81;
const TEXT_BEGIN = 0x01;
const MORE = 0x00;
const LAST = 0x80;
const PING = 0x89;

const HELLO = hexOf('Hello, world!');
const ORPHAN = hexOf('non-continuation payload');
const PING_PAYLOAD = hexOf('ping payload');

function part(frame: number, number: number): FrameStep {
  return { frame, payload: hexOf(`fragment${number}`) };
}

function joined(count: number): Expected {
  const parts = Array.from({ length: count }, (_, index) => `fragment${index + 1}`);
  return { message: 'text', payload: hexOf(parts.join('')) };
}

function fails(title: string, steps: readonly Step[], chop?: 'frames' | number): Omit<ConformanceCase, 'id'> {
  return { title: `${title} fails the connection`, steps, chop, expected: [], ending: failsWith(1002) };
}

const PONG: Expected = { pong: true, payload: PING_PAYLOAD };
const FIRST_PING = hexOf('pongme 1!');
const SECOND_PING = hexOf('pongme 2!');

const orphanThenPair = (orphan: number): Step[] => {
  const once = [part(orphan, 1), part(TEXT_BEGIN, 2), part(LAST, 3)];
  return [...once, ...once];
};

function longMessage(chop: 'frames' | undefined, how: string): Omit<ConformanceCase, 'id'> {
  return {
    title: `a ping within five fragments is answered before the message is complete, ${how}`,
    steps: [
      part(TEXT_BEGIN, 1),
      part(MORE, 2),
      { frame: PING, payload: FIRST_PING },
      { wait: 'event' },
      part(MORE, 3),
      part(MORE, 4),
      { frame: PING, payload: SECOND_PING },
      part(LAST, 5),
    ],
    chop,
    expected: [{ pong: true, payload: FIRST_PING }, { pong: true, payload: SECOND_PING }, joined(5)],
    ending: CLOSES_IN_ORDER,
  };
}

/** Category 5: messages in several frames. */
export const fragmentation: readonly ConformanceCase[] = numbered('5', [
  fails('a ping in two fragments', [part(0x09, 1), part(LAST, 2)]),
  fails('a pong in two fragments', [part(0x0a, 1), part(LAST, 2)]),
  ...CHOPS.map(([chop, how]) => ({
    title: `a message in two fragments comes back whole, ${how}`,
    steps: [part(TEXT_BEGIN, 1), part(LAST, 2)],
    chop,
    expected: [joined(2)],
    ending: CLOSES_IN_ORDER,
  })),
  ...CHOPS.map(([chop, how]) => ({
    title: `a ping between two fragments is answered first, ${how}`,
    steps: [part(TEXT_BEGIN, 1), { frame: PING, payload: PING_PAYLOAD }, part(LAST, 2)],
    chop,
    expected: [PONG, joined(2)],
    ending: CLOSES_IN_ORDER,
  })),
  ...[LAST, MORE].flatMap((orphan) =>
    CHOPS.map(([chop, how]) =>
      fails(
        `a ${orphan === LAST ? 'last' : 'middle'} fragment without a first one, ${how},`,
        [
          { frame: orphan, payload: ORPHAN },
          { frame: TEXT, payload: HELLO },
        ],
        chop,
      ),
    ),
  ),
  {
    title: 'a middle fragment behind a complete message fails the connection after the echo',
    steps: [part(TEXT_BEGIN, 1), part(LAST, 2), part(MORE, 3), part(TEXT, 4)],
    expected: [joined(2)],
    lenient: [],
    ending: failsWith(1002),
  },
  fails('a middle fragment without a first one, before a whole message, twice,', orphanThenPair(MORE)),
  fails('a last fragment without a first one, before a whole message, twice,', orphanThenPair(LAST)),
  fails('a new message within another', [part(TEXT_BEGIN, 1), part(TEXT, 2)]),
  longMessage(undefined, 'in two writes'),
  longMessage('frames', 'frame by frame'),
]);
