import { ignoreRejection } from '../base/promises.ts';
import type { FourDError } from '../errors.ts';
import { generateError } from '../workers/error-handling.ts';
import { AcceptAnswer, type AcceptOptions, type AnswerHeaders, Refusal, type RefuseOptions } from './admission.ts';
import type { SpeltConnection } from './handler-types.ts';
import type { ConnectionHandler, TopicsHandler } from './web-socket-connection.ts';

/** The result of {@link accept}, which `onConnection` returns. */
export type Acceptance<T = string, Data = unknown, Handler = ConnectionHandler<T, Data>> = AcceptAnswer<Handler, Data>;

/**
 * The decision of `onConnection`: a handler, alone or in `accept(…)`, accepts the client; `refuse(…)` refuses it; null
 * and undefined refuse it with HTTP 403.
 */
export type Admission<T, Data = unknown> =
  | ConnectionHandler<T, Data>
  | TopicsHandler<T, Data>
  | Acceptance<T, Data, ConnectionHandler<T, Data> | TopicsHandler<T, Data>>
  | Refusal
  | null
  | undefined;

/**
 * Makes an answer that accepts a client with more than a handler, for `onConnection` to return.
 *
 * @param handler - handler of the connection, which `onConnection` may also return alone
 * @param options - headers of the answer, subprotocol, data of the connection
 * @returns the value to return; null, which refuses with 403, when `onErrCall` or `tryExpr` handled an error
 * @throws FourDError (or what `onErrCall` makes of it) `ERR_INVALID_HEADER` or `ERR_INVALID_OPTION`
 */
export function accept<T = string, Data = unknown, Handler = ConnectionHandler<T, Data>>(
  handler: (ConnectionHandler<T, Data> | TopicsHandler<T, Data>) & Handler & SpeltConnection<Handler>,
  options: AcceptOptions<Data> = {},
): Acceptance<T, Data, Handler> | null {
  ignoreRejection(handler);
  return attempt(() => new AcceptAnswer<Handler, Data>(handler, options));
}

/**
 * Makes an HTTP answer that refuses a client, for `onConnection` to return.
 *
 * @remarks Programs see the answer; a page in a browser only learns that the connection failed, with code 1006. With
 * `refuse(401, { closeCode: 4401, reason: 'sign in' })` a page gets a close code and a reason instead: a client that
 * sends the header Origin, as all browsers do, is let in (101) and closed at once. No callback of a connection runs, the
 * client takes no place of `maxConnections`, and is cut off when it does not answer within `closeTimeoutMs`, at most 5 s.
 * The onopen of the page runs in the browser before onclose.
 * @param status - 400 to 599; redirections are not allowed, because browsers do not follow them in a handshake
 * @param body - a string, or an object or array that is sent as JSON; default: the reason phrase of the status. An object
 *   with the key closeCode is {@link RefuseOptions}
 * @param headers - further headers of the HTTP answer, such as `retry-after` or `www-authenticate`
 * @returns the value to return; null, which refuses with 403, when `onErrCall` or `tryExpr` handled an error
 * @throws FourDError (or what `onErrCall` makes of it) `ERR_INVALID_REFUSAL`, `ERR_INVALID_HEADER` or
 *   `ERR_INVALID_OPTION`
 */
export function refuse(status: number, options: RefuseOptions, headers?: AnswerHeaders): Refusal | null;
export function refuse(status: number, body?: string | object, headers?: AnswerHeaders): Refusal | null;
export function refuse(status: number, body?: string | object, headers?: AnswerHeaders): Refusal | null {
  return attempt(() => new Refusal(status, body, headers));
}

/** @param make - throws nothing but FourDErrors */
function attempt<A>(make: () => A): A | null {
  try {
    return make();
  } catch (error) {
    return generateError<A | null>(error as FourDError, null);
  }
}
