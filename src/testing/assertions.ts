import { AssertionError } from 'node:assert';
import type { ErrorCode } from '../errors.ts';
import {
  type Checked,
  checkEnded,
  checkFailed,
  checkReceived,
  checkReceivedAll,
  checkSent,
  type ExpectedEnd,
  type Receiver,
  type Sender,
} from './checks.ts';

/**
 * Asserts that a message has arrived, for node:test.
 *
 * @param receiver - `pair.client`, `pair.connection`, a recording handler or a connection test
 * @param message - a text; bytes; or an object, which a text with its JSON equals too
 * @throws AssertionError, which says what did arrive; FourDError `ERR_INVALID_ARGUMENT`
 */
export function assertReceived(receiver: Receiver, message: unknown): void {
  assert(checkReceived(receiver, message));
}

/** Asserts that exactly these messages have arrived, in this order. Otherwise as {@link assertReceived}. */
export function assertReceivedAll(receiver: Receiver, messages: readonly unknown[]): void {
  assert(checkReceivedAll(receiver, messages));
}

/** Asserts that the connection of a connection test has sent a message. Otherwise as {@link assertReceived}. */
export function assertSent(sender: Sender, message: unknown): void {
  assert(checkSent(sender, message));
}

/** Asserts that the connection has ended: with this close code, or with these properties of the event. */
export function assertEnded(receiver: Receiver, expected?: ExpectedEnd): void {
  assert(checkEnded(receiver, expected));
}

/** Asserts that onError has run: with this code, or with any. */
export function assertFailed(receiver: Receiver, code?: ErrorCode): void {
  assert(checkFailed(receiver, code));
}

function assert({ pass, message }: Checked): void {
  if (!pass) throw new AssertionError({ message, stackStartFn: assert });
}
