import { CLOSES_IN_ORDER, type ConformanceCase, failsWith, hexOf, numbered, type Payload } from '../case.ts';

const PING = 0x89;
const PONG = 0x8a;
const CLOSE_1000 = { frame: 0x88, payload: '03e8' } as const;
const LONGEST = { pattern: 'fe', bytes: 125 } as const;
const TEN = Array.from({ length: 10 }, (_, index) => hexOf(`payload-${index}`));

function ping(title: string, payloads: readonly Payload[], chop?: number): Omit<ConformanceCase, 'id'> {
  return {
    title,
    steps: payloads.map((payload) => ({ frame: PING, payload })),
    chop,
    expected: payloads.map((payload) => ({ pong: true, payload })),
    ending: CLOSES_IN_ORDER,
  };
}

/** Category 2: ping and pong. */
export const pings: readonly ConformanceCase[] = numbered('2', [
  ping('an empty ping is answered', ['']),
  ping('a ping with text is answered with the same payload', [hexOf('Hello, world!')]),
  ping('a ping with bytes that are not UTF-8 is answered with the same payload', ['00fffefdfcfb00ff']),
  ping('the longest ping is answered', [LONGEST]),
  {
    title: 'a ping of 126 bytes fails the connection',
    steps: [{ frame: PING, payload: { pattern: 'fe', bytes: 126 } }],
    expected: [],
    ending: failsWith(1002),
  },
  ping('a ping that is sent byte by byte is answered', [LONGEST], 1),
  {
    title: 'an unsolicited empty pong is ignored',
    steps: [{ frame: PONG, payload: '' }, CLOSE_1000],
    expected: [],
    ending: CLOSES_IN_ORDER,
  },
  {
    title: 'an unsolicited pong with payload is ignored',
    steps: [{ frame: PONG, payload: hexOf('unsolicited pong payload') }, CLOSE_1000],
    expected: [],
    ending: CLOSES_IN_ORDER,
  },
  {
    title: 'a ping after an unsolicited pong is answered',
    steps: [
      { frame: PONG, payload: hexOf('unsolicited pong payload') },
      { frame: PING, payload: hexOf('ping payload') },
    ],
    expected: [{ pong: true, payload: hexOf('ping payload') }],
    ending: CLOSES_IN_ORDER,
  },
  ping('ten pings in one write get ten pongs in order', TEN),
  ping('ten pings byte by byte get ten pongs in order', TEN, 1),
]);
