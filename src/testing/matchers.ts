import type { ErrorCode } from '../errors.ts';
import {
  type Checked,
  checkEnded,
  checkFailed,
  checkReceived,
  checkReceivedAll,
  checkSent,
  type Equals,
  type ExpectedEnd,
} from './checks.ts';

/** The part of the context of a matcher that vitest and Jest both have. */
export interface MatcherContext {
  readonly equals: Equals;
}

/** What a matcher returns to vitest and Jest. */
export interface MatcherResult {
  readonly pass: boolean;
  message(): string;
}

/**
 * The matchers as methods of `expect(…)`, for the declarations of a test project:
 *
 * `declare module 'vitest' { interface Matchers<T> extends WebSocketMatchers<T> {} }`
 *
 * @typeParam R - what a matcher returns
 */
export interface WebSocketMatchers<R = void> {
  /** A message has arrived: a text; bytes; or an object, which a text with its JSON equals too. */
  toHaveReceived(message: unknown): R;
  /** Exactly these messages have arrived, in this order. */
  toHaveReceivedAll(messages: readonly unknown[]): R;
  /** The connection of a connection test has sent a message. */
  toHaveSent(message: unknown): R;
  /** The connection has ended: with this close code, or with these properties of the event of onTerminate. */
  toHaveEnded(expected?: ExpectedEnd): R;
  /** onError has run: with this code, or with any. */
  toHaveFailed(code?: ErrorCode): R;
}

/** A matcher as `expect.extend` takes it. */
type Matcher<Expected> = (this: MatcherContext, actual: unknown, expected: Expected) => MatcherResult;

/** The matchers of {@link WebSocketMatchers}: `expect.extend(matchers)`, in vitest and in Jest. */
export const matchers: {
  readonly toHaveReceived: Matcher<unknown>;
  readonly toHaveReceivedAll: Matcher<unknown>;
  readonly toHaveSent: Matcher<unknown>;
  readonly toHaveEnded: Matcher<ExpectedEnd | undefined>;
  readonly toHaveFailed: Matcher<string | undefined>;
} = {
  toHaveReceived(actual, expected) {
    return toResult(checkReceived(actual, expected, this.equals));
  },
  toHaveReceivedAll(actual, expected) {
    return toResult(checkReceivedAll(actual, expected, this.equals));
  },
  toHaveSent(actual, expected) {
    return toResult(checkSent(actual, expected, this.equals));
  },
  toHaveEnded(actual, expected) {
    return toResult(checkEnded(actual, expected, this.equals));
  },
  toHaveFailed(actual, expected) {
    return toResult(checkFailed(actual, expected));
  },
};

function toResult({ pass, message }: Checked): MatcherResult {
  return { pass, message: () => (pass ? message.replace(/^expected/, 'did not expect') : message) };
}
