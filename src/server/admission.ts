import { STATUS_CODES } from 'node:http';
import { ignoreRejection } from '../base/promises.ts';
import { FourDError, textOfThrown } from '../errors.ts';
import { BEARER_PREFIX, isBearerSubprotocol } from '../handshake/bearer-subprotocol.ts';
import { isToken } from '../handshake/header-grammar.ts';
import { findCloseProblem } from '../session/close-arguments.ts';
import { FOREIGN_OPTIONS } from '../session/foreign-names.ts';
import { checkHeaderValue, invalidHeader, readGivenHeaders } from '../session/header-checks.ts';
import { kindOf, readOptions } from '../session/option-checks.ts';
import { checkMoment } from './moment.ts';
import { checkUser } from './user-name.ts';
import type { Identity } from './topic-seam.ts';

/** Headers of the HTTP answer to a client. An array sends the header once per element, as `set-cookie` needs it. */
export type AnswerHeaders = Readonly<Record<string, string | readonly string[]>>;

/** Headers that frame the HTTP answer or belong to the handshake: the library alone sets them. */
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
   * Headers of the answer (101), such as `set-cookie`. Names and values with characters that HTTP forbids, and headers
   * of the handshake itself, are refused, which stops header injection by untrusted text.
   */
  readonly headers?: AnswerHeaders | undefined;
  /**
   * The subprotocol to speak: one that the client offered, or `''` for none. Default: the first one of the server's
   * option `protocols` that the client offered.
   */
  readonly protocol?: string | undefined;
  /** Initial value of the connection's `data`. */
  readonly data?: Data | undefined;
  /**
   * The user whose client it is, for topics: 1 to 256 characters of valid Unicode. Subscribers see who has published, `topics.toUser`
   * reaches all connections of the user, and `topics.endUser` ends them. Default: nobody.
   */
  readonly user?: string | undefined;
  /**
   * When the user signed in, as a Date or in milliseconds since 1970: `topics.endUser` ends what is older. Default:
   * unknown, which any `endUser` ends.
   */
  readonly authenticatedAt?: Date | number | undefined;
}

/** How a client is refused that may be a page in a browser, which cannot read a status. */
export interface RefuseOptions {
  /**
   * The close code for pages in browsers: 1000, or 3000 to 4999. A client that sends the header Origin, as all browsers do,
   * is let in and closed with this code at once; no callback of a connection runs. Other clients get the status.
   */
  readonly closeCode: number;
  /** The close reason, cut to 123 UTF-8 bytes. Default `''`. */
  readonly reason?: string | undefined;
  /** Body of the answer for other clients, as `refuse` takes it. Default: the reason, else the reason phrase. */
  readonly body?: string | object | undefined;
}

const REFUSE_KEYS: ReadonlySet<string> = new Set<keyof RefuseOptions>(['closeCode', 'reason', 'body']);
const REFUSE_NAMES = {
  advice: `: beside closeCode, refuse() takes ${[...REFUSE_KEYS].slice(1).join(' and ')}`,
} as const;

/** All results of `accept` and `refuse`. */
const answers = new WeakSet<object>();

export const ACCEPT_KEYS: ReadonlySet<string> = new Set<keyof AcceptOptions>([
  'headers',
  'protocol',
  'data',
  'user',
  'authenticatedAt',
]);

/** How a client is accepted, checked. */
export interface Acceptance {
  readonly handler: unknown;
  /** Header lines, each with its line end. */
  readonly headerLines: string;
  readonly protocol: string | undefined;
  readonly data: unknown;
  /** Undefined when nothing was said of the user. */
  readonly identity: Identity | undefined;
}

/**
 * The result of `accept`, for any kind of connection handler. Frozen, so that reading it runs no code of the user.
 *
 * @typeParam Handler - the connection handler
 */
export class AcceptAnswer<Handler, Data> implements Acceptance {
  readonly handler: Handler;
  /** Header lines, each with its line end. */
  readonly headerLines: string;
  readonly protocol: string | undefined;
  readonly data: Data | undefined;
  readonly identity: Identity | undefined;

  constructor(handler: Handler, options: AcceptOptions<Data>) {
    const { headers, protocol, data, user, authenticatedAt } = readOptions(options, ACCEPT_KEYS, 'HTTP', {
      foreign: FOREIGN_OPTIONS.accept,
    });
    if (protocol !== undefined && protocol !== '' && !isSelectable(protocol)) {
      throw new FourDError(
        'ERR_INVALID_OPTION',
        `invalid protocol: it must be an HTTP token that does not begin with "${BEARER_PREFIX}"`,
        { componentSignature: 'HTTP' },
      );
    }
    this.handler = handler;
    this.headerLines = buildHeaderLines(headers);
    this.protocol = protocol;
    this.data = data;
    this.identity = checkIdentity(user, authenticatedAt);
    Object.freeze(this);
    answers.add(this);
  }
}

/** @throws FourDError `ERR_INVALID_OPTION` */
function checkIdentity(user: unknown, authenticatedAt: unknown): Identity | undefined {
  if (user === undefined && authenticatedAt === undefined) return undefined;
  const checked = user === undefined ? undefined : checkUser(user);
  return Object.freeze({ user: checked, authenticatedAt: checkMoment('authenticatedAt', authenticatedAt) });
}

/** The result of `refuse`, which `onConnection` returns. Frozen, as {@link AcceptAnswer} is. */
export class Refusal {
  readonly status: number;
  readonly body: string;
  readonly headerLines: string;
  /** How a page in a browser is closed; undefined when it gets the status too. */
  readonly close: { readonly code: number; readonly reason: string } | undefined;

  /** @param content - the body, or options, which have a closeCode */
  constructor(status: number, content: unknown, headers: AnswerHeaders | undefined) {
    if (!Number.isInteger(status) || status < 400 || status > 599) {
      const advice =
        Number.isInteger(status) && status >= 1000 ? ': a close code goes into refuse(401, { closeCode })' : '';
      throw invalidRefusal(`the status must be a whole number from 400 to 599; received ${kindOf(status)}${advice}`);
    }
    let body = content;
    if (isRefuseOptions(content)) {
      const { closeCode, reason = '', body: given } = readOptions(content, REFUSE_KEYS, 'HTTP', REFUSE_NAMES);
      const problem = findCloseProblem(closeCode, reason);
      if (problem !== undefined) throw invalidRefusal(`with a closeCode, ${problem}`);
      this.close = { code: closeCode, reason };
      body = given ?? (reason === '' ? undefined : `${reason}\n`);
    }
    const isText = body === undefined || typeof body === 'string';
    this.status = status;
    this.body = isText ? ((body as string | undefined) ?? `${STATUS_CODES[status] ?? 'Refused'}\n`) : toJson(body);
    const lines = buildHeaderLines(headers);
    const hasType = lines.split('\r\n').some((line) => line.toLowerCase().startsWith('content-type:'));
    const type = isText ? 'text/plain; charset=utf-8' : 'application/json';
    this.headerLines = hasType ? lines : `Content-Type: ${type}\r\n${lines}`;
    Object.freeze(this);
    answers.add(this);
  }
}

/**
 * Tells options from an object that is the body: they have a closeCode. A misspelt one counts too, so that it is told
 * and not sent to the client.
 */
function isRefuseOptions(content: unknown): content is RefuseOptions {
  if (typeof content !== 'object' || content === null) return false;
  try {
    return Object.keys(content).some((key) => key.toLowerCase().replaceAll(/[-_]/gu, '') === 'closecode');
  } catch {
    // As a body it fails with the error of the code that throws.
    return false;
  }
}

/** Tells whether a value is a result of `accept` or `refuse`. Unlike `instanceof`, it runs no code of the value. */
export function isAnswer(value: object): value is AcceptAnswer<unknown, unknown> | Refusal {
  return answers.has(value);
}

/** How a client is accepted with a handler alone. */
export function acceptanceOf(handler: unknown): Acceptance {
  return { handler, headerLines: '', protocol: undefined, data: undefined, identity: undefined };
}

function isSelectable(protocol: unknown): boolean {
  return typeof protocol === 'string' && isToken(protocol) && !isBearerSubprotocol(protocol);
}

function buildHeaderLines(headers: AnswerHeaders | undefined): string {
  if (headers === undefined) return '';
  let lines = '';
  for (const { name, key, values } of readGivenHeaders(headers, isReserved, 'HTTP')) {
    if (isReserved(key)) throw invalidHeader(`${name} is set by the library, leave it out`, 'HTTP');
    for (const value of values) lines += `${name}: ${checkHeaderValue(name, value, 'HTTP')}\r\n`;
  }
  return lines;
}

function isReserved(key: string): boolean {
  return RESERVED.has(key) || key.startsWith('sec-websocket-');
}

function toJson(body: unknown): string {
  let json: string | undefined;
  let cause: unknown;
  ignoreRejection(body);
  try {
    if (typeof body === 'object' && body !== null) json = JSON.stringify(body);
  } catch (thrown) {
    // JSON.stringify throws on a cycle and on a BigInt, and runs code of the body.
    cause = thrown;
  }
  if (json !== undefined) return json;
  const problem = 'the body must be a string, or an object or array that JSON.stringify accepts';
  throw invalidRefusal(cause === undefined ? problem : `${problem}: ${textOfThrown(cause)}`, cause);
}

function invalidRefusal(problem: string, cause?: unknown): FourDError {
  return new FourDError('ERR_INVALID_REFUSAL', `invalid refusal: ${problem}`, { componentSignature: 'HTTP', cause });
}
