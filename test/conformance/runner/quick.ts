import type { ConformanceCase, Payload, Step } from '../case.ts';

/** The limits of the quick form of large cases. */
const MAX_EXCHANGES = 4;
const MAX_COMPRESSED_BYTES = 4 * 131_072;
const MAX_PATTERN_BYTES = 262_144;

/** Returns a case with fewer and smaller messages, for `npm test`. */
export function toQuickForm(testCase: ConformanceCase): ConformanceCase {
  return {
    ...testCase,
    steps: testCase.steps.map(lighten),
    expected: testCase.expected.map((each) => ({ ...each, payload: shorten(each.payload) })),
  };
}

function lighten(step: Step): Step {
  if ('exchange' in step) return withExchanges(step, exchangesOf(step.payload));
  return 'payload' in step ? { ...step, payload: shorten(step.payload) } : step;
}

/** Returns a case with at most this many messages in an exchange. */
export function limitExchanges(testCase: ConformanceCase, exchanges: number): ConformanceCase {
  return { ...testCase, steps: testCase.steps.map((step) => withExchanges(step, exchanges)) };
}

function withExchanges(step: Step, exchanges: number): Step {
  return 'exchange' in step ? { ...step, exchange: Math.min(step.exchange, exchanges) } : step;
}

function exchangesOf(payload: Payload): number {
  if (typeof payload !== 'string' && 'corpus' in payload) {
    return Math.max(2, Math.min(MAX_EXCHANGES, Math.floor(MAX_COMPRESSED_BYTES / 4 / payload.bytes)));
  }
  return 50;
}

function shorten(payload: Payload): Payload {
  if (typeof payload === 'string' || !('pattern' in payload)) return payload;
  return { ...payload, bytes: Math.min(payload.bytes, MAX_PATTERN_BYTES) };
}
