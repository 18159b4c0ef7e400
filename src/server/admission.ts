import { STATUS_CODES } from 'node:http';
import { FourDError } from '../errors.ts';
import { generateError } from '../workers/error-handling.ts';
import { isHeaderValue, isToken } from '../handshake/header-grammar.ts';
import { BEARER_PREFIX } from './bearer-token.ts';
import type { ConnectionHandler } from '../session/call-handler.ts';

/** Headers of an answer to a client. An array sends the header once per element, as cookies need it. */
export type AnswerHeaders = Readonly<Record<string, string | readonly string[]>>;

/** Headers that decide what an answer is: the library alone sets them. */
const RESERVED: ReadonlySet<string> = new Set([
  'connection',
  'content-length',
  'keep-alive',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
]);

/** How a client is accepted. */
export interface AcceptOptions<Data = unknown> {
  /**
   * Headers of the answer (101), such as `set-cookie`. Names and values with characters that HTTP forbids, and headers of
   * the handshake itself, are refused: text of a stranger cannot add headers of its own.
   */
  readonly headers?: AnswerHeaders | undefined;
  /**
   * The subprotocol to speak: one that the client offered, or `''` for none. Default: what the option `protocols` leads to.
   */
  readonly protocol?: string | undefined;
  /** What the connection has as its {@link WebSocketConnection.data}. */
  readonly data?: Data | undefined;
}

/** What {@link accept} gives: `onConnection` returns it. */
export class Acceptance<T = string, Data = unknown> {
  readonly handler: ConnectionHandler<T, Data>;
  /** Header lines, each with its line end. */
  readonly headerLines: string;
  readonly protocol: string | undefined;
  readonly data: Data | undefined;

  constructor(handler: ConnectionHandler<T, Data>, options: AcceptOptions<Data> = {}) {
    const { headers, protocol, data } = options;
    if (protocol !== undefined && protocol !== '' && (!isToken(protocol) || protocol.startsWith(BEARER_PREFIX))) {
      throw misuse('ERR_INVALID_OPTION', 'invalid protocol: it must be an HTTP token, and no bearer token');
    }
    this.handler = handler;
    this.headerLines = buildHeaderLines(headers);
    this.protocol = protocol;
    this.data = data;
  }
}

/** What {@link refuse} gives: `onConnection` returns it. */
export class Refusal {
  readonly status: number;
  readonly body: string;
  readonly headerLines: string;

  constructor(status: number, body: unknown, headers: AnswerHeaders | undefined) {
    if (!Number.isInteger(status) || status < 400 || status > 599) {
      throw misuse('ERR_INVALID_REFUSAL', 'invalid refusal: the status must be a whole number from 400 to 599');
    }
    const isText = body === undefined || typeof body === 'string';
    this.status = status;
    this.body = isText ? (body ?? `${STATUS_CODES[status] ?? 'Refused'}\n`) : toJson(body);
    const lines = buildHeaderLines(headers);
    const hasType = Object.keys(headers ?? {}).some((name) => name.toLowerCase() === 'content-type');
    const type = isText ? 'text/plain; charset=utf-8' : 'application/json';
    this.headerLines = hasType ? lines : `Content-Type: ${type}\r\n${lines}`;
  }
}

/**
 * Accepts a client with more than a handler: for `onConnection` to return.
 *
 * @param handler - of the connection, as `onConnection` may return it alone
 * @param options - headers of the answer, subprotocol, data of the connection
 * @returns what `onConnection` returns; null, which refuses, when an error handler or `tryExpr` took an error
 * @throws FourDError (or what `onErrCall` makes of it) `ERR_INVALID_HEADER` or `ERR_INVALID_OPTION`
 */
export function accept<T = string, Data = unknown>(
  handler: ConnectionHandler<T, Data>,
  options: AcceptOptions<Data> = {},
): Acceptance<T, Data> | null {
  return attempt(() => new Acceptance(handler, options));
}

/**
 * Refuses a client with an HTTP answer: for `onConnection` to return.
 *
 * @remarks Programs see the answer; a page in a browser only learns that the connection failed.
 * @param status - 400 to 599: a browser follows no redirection of a handshake
 * @param body - a text, or an object or array that goes out as JSON; default: the words of the status
 * @param headers - further headers, such as `retry-after` or `www-authenticate`
 * @returns what `onConnection` returns; null, which refuses with 403, when an error handler or `tryExpr` took an error
 * @throws FourDError (or what `onErrCall` makes of it) `ERR_INVALID_REFUSAL` or `ERR_INVALID_HEADER`
 */
export function refuse(status: number, body?: string | object, headers?: AnswerHeaders): Refusal | null {
  return attempt(() => new Refusal(status, body, headers));
}

function attempt<A>(make: () => A): A | null {
  try {
    return make();
  } catch (error) {
    if (error instanceof FourDError) return generateError<A | null>(error, null);
    throw error;
  }
}

function buildHeaderLines(headers: unknown): string {
  if (headers === undefined) return '';
  // The entries of a Headers or Map are no properties: they would be left out in silence.
  if (typeof headers !== 'object' || headers === null || Symbol.iterator in headers) {
    throw invalidHeader('headers must be a plain object');
  }
  let lines = '';
  for (const [name, value] of Object.entries(headers)) {
    if (!isToken(name)) throw invalidHeader('a name is not an HTTP token');
    const key = name.toLowerCase();
    if (RESERVED.has(key) || key.startsWith('sec-websocket-')) {
      throw invalidHeader(`${name} is set by the handshake itself`);
    }
    for (const item of Array.isArray(value) ? (value as unknown[]) : [value]) {
      if (typeof item !== 'string') throw invalidHeader(`the value of ${name} is not a text`);
      if (!isHeaderValue(item)) throw invalidHeader(`the value of ${name} has a character that HTTP forbids`);
      lines += `${name}: ${item}\r\n`;
    }
  }
  return lines;
}

function toJson(body: unknown): string {
  let json: string | undefined;
  try {
    if (typeof body === 'object' && body !== null) json = JSON.stringify(body);
  } catch {
    // A cycle, a BigInt: below.
  }
  if (json !== undefined) return json;
  throw misuse('ERR_INVALID_REFUSAL', 'invalid refusal: the body must be a text, or what JSON.stringify accepts');
}

function invalidHeader(problem: string): FourDError {
  return misuse('ERR_INVALID_HEADER', `invalid headers: ${problem}`);
}

function misuse(
  code: 'ERR_INVALID_HEADER' | 'ERR_INVALID_OPTION' | 'ERR_INVALID_REFUSAL',
  message: string,
): FourDError {
  return new FourDError(code, message, { componentSignature: 'HTTP' });
}
