import { isDeepStrictEqual } from 'node:util';
import type { TerminateEvent } from '../session/events.ts';
import { WebSocket } from '../client/web-socket.ts';
import { WebSocketConnection } from '../server/web-socket-connection.ts';
import { describeKind, invalidArgument } from './arguments.ts';
import { showMessage } from './message-text.ts';
import { describeError } from './recording.ts';
import type { Received } from './test-end.ts';

/** What a check has found: the sentence says what is so, whether the check has passed or not. */
export interface Checked {
  readonly pass: boolean;
  readonly message: string;
}

/** Compares two values, as the test framework does. */
export type Equals = (actual: unknown, expected: unknown) => boolean;

/** Whatever has received messages. */
export type Receiver = Pick<Received, 'messages' | 'errors' | 'ending'>;

/** Whatever has sent messages: a connection test. */
export interface Sender {
  readonly sent: readonly unknown[];
}

/** What the end of a connection must be like: a close code, or some properties of the event of onTerminate. */
export type ExpectedEnd = number | Partial<TerminateEvent>;

/** Checks whether a message is among those that were received. @throws FourDError `ERR_INVALID_ARGUMENT` */
export function checkReceived(receiver: unknown, expected: unknown, equals: Equals = isDeepStrictEqual): Checked {
  return checkContains('received', messagesOf('received', receiver, 'messages'), expected, equals);
}

/** Checks whether a message is among those that were sent. @throws FourDError `ERR_INVALID_ARGUMENT` */
export function checkSent(sender: unknown, expected: unknown, equals: Equals = isDeepStrictEqual): Checked {
  return checkContains('sent', messagesOf('sent', sender, 'sent'), expected, equals);
}

/** Checks whether exactly these messages were received, in this order. @throws FourDError `ERR_INVALID_ARGUMENT` */
export function checkReceivedAll(receiver: unknown, expected: unknown, equals: Equals = isDeepStrictEqual): Checked {
  const messages = messagesOf('receivedAll', receiver, 'messages');
  if (!Array.isArray(expected)) throw invalidArgument('receivedAll', 'it takes an array of messages');
  const isSame = (message: unknown, i: number): boolean => isMessage(message, expected[i], equals);
  const pass = messages.length === expected.length && messages.every(isSame);
  const wanted = expected.map(showMessage).join(', ') || 'nothing';
  return { pass, message: `expected all that was received to be ${wanted}; ${listed('received', messages)}` };
}

/** Checks whether a connection has ended, and how. @throws FourDError `ERR_INVALID_ARGUMENT` */
export function checkEnded(receiver: unknown, expected?: ExpectedEnd, equals: Equals = isDeepStrictEqual): Checked {
  const { ending } = receiverOf('ended', receiver);
  if (typeof expected === 'string')
    throw invalidArgument('ended', "it takes a close code, or properties of the event: { cause: 'timeout' }");
  const properties = typeof expected === 'number' ? { code: expected } : (expected ?? {});
  const known = ending as unknown as Readonly<Record<string, unknown>> | undefined;
  const pass = known !== undefined && Object.entries(properties).every(([name, value]) => equals(known[name], value));
  const wanted = Object.keys(properties).length === 0 ? '' : ` with ${showMessage(properties)}`;
  const found =
    ending === undefined
      ? 'it has not ended'
      : `it has ended with ${showMessage({ code: ending.code, reason: ending.reason, cause: ending.cause })}: ${ending.message}`;
  return { pass, message: `expected an end${wanted}; ${found}` };
}

/** Checks whether onError has run, and with which code. @throws FourDError `ERR_INVALID_ARGUMENT` */
export function checkFailed(receiver: unknown, code?: string): Checked {
  const errors = receiverOf('failed', receiver).errors.map(({ error }) => error);
  const codes: readonly string[] = errors.map((error) => error.code);
  const pass = code === undefined ? codes.length > 0 : codes.includes(code);
  const found = errors.length === 0 ? 'no error came' : `it has failed with ${errors.map(describeError).join(', ')}`;
  return { pass, message: `expected an error${code === undefined ? '' : ` ${code}`}; ${found}` };
}

function checkContains(verb: string, messages: readonly unknown[], expected: unknown, equals: Equals): Checked {
  const pass = messages.some((message) => isMessage(message, expected, equals));
  return { pass, message: `expected ${showMessage(expected)} to be ${verb}; ${listed(verb, messages)}` };
}

function listed(verb: string, messages: readonly unknown[]): string {
  const list = messages.map(showMessage).join(', ');
  return messages.length === 0 ? `nothing was ${verb} so far` : `${verb} so far: ${list}`;
}

/** Whether a message is the expected one. An object is compared with the JSON of a text, bytes by what they are. */
function isMessage(message: unknown, expected: unknown, equals: Equals): boolean {
  if (message instanceof Uint8Array && expected instanceof Uint8Array) return Buffer.compare(message, expected) === 0;
  if (equals(message, expected)) return true;
  if (typeof message !== 'string' || typeof expected !== 'object' || expected === null) return false;
  try {
    return equals(JSON.parse(message), expected);
  } catch {
    return false;
  }
}

function receiverOf(check: string, value: unknown): Receiver {
  const { messages, errors } = (value ?? {}) as Partial<Receiver>;
  if (Array.isArray(messages) && Array.isArray(errors)) return value as Receiver;
  const kinds = 'pair.client, pair.connection, a recording handler or a connection test';
  throw invalidArgument(check, `it takes what has received messages: ${kinds}; received ${describeWrong(value)}`);
}

/** Names what the test has passed, with what to pass instead. */
function describeWrong(value: unknown): string {
  if (value instanceof Promise) return 'a promise: await it first';
  if (value instanceof WebSocket || value instanceof WebSocketConnection) return 'its `ws`: pass what has the `ws`';
  return describeKind(value);
}

function messagesOf(check: string, value: unknown, key: 'messages' | 'sent'): readonly unknown[] {
  if (key === 'messages') return receiverOf(check, value).messages;
  const { sent } = (value ?? {}) as Partial<Sender>;
  if (Array.isArray(sent)) return sent;
  throw invalidArgument(check, `it takes what testConnection() has returned; received ${describeWrong(value)}`);
}
