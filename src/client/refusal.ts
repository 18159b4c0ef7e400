import type { IncomingMessage } from 'node:http';
import { type Deadline, timers } from '../base/timers.ts';
import { FourDError } from '../errors.ts';
import { decodeHeaderValue } from '../handshake/header-grammar.ts';
import { shown } from '../session/shown-text.ts';
import { ignoreErrors } from '../transport/socket-transport.ts';
import { hintForStatus } from './connect-hints.ts';
import { firstLineOf } from './refusal-text.ts';

/** Most bytes of a refusal's body that an error keeps. */
const MAX_BODY_BYTES = 65_536;

/** Longest time that a body may take behind its head: the refusal is known, only its words are missing. */
const BODY_TIMEOUT_MS = 5000;

/** Longest reason phrase that a message shows, in UTF-16 units. */
const MAX_REASON_LENGTH = 200;

/** An answer of the server other than 101, whose body is read: at most 64 KiB, for at most 5 s. */
export class Refusal implements Deadline {
  readonly #response: IncomingMessage;
  readonly #onRead: () => void;
  readonly #ticket: number;
  /** The pieces of the body that have arrived. */
  readonly #body: Buffer[] = [];
  #bodyBytes = 0;

  /** @param onRead - called when the body has come, is too long or takes too long; maybe more than once */
  constructor(response: IncomingMessage, onRead: () => void) {
    this.#response = response;
    this.#onRead = onRead;
    this.#ticket = timers.schedule(this, BODY_TIMEOUT_MS);
    response.on('data', (piece: Buffer) => {
      this.#body.push(piece);
      this.#bodyBytes += piece.length;
      if (this.#bodyBytes >= MAX_BODY_BYTES) onRead();
    });
    ignoreErrors(response);
    // 'close' follows in every case, after 'end' and after 'error'.
    response.on('close', onRead);
  }

  onDeadline(): void {
    this.#onRead();
  }

  /** Drops the deadline. */
  stop(): void {
    timers.cancel(this, this.#ticket);
  }

  /** Builds the error, with the part of the body that has arrived. */
  toError(): FourDError {
    const { statusCode: status = 0, statusMessage = '', headers } = this.#response;
    const body = Buffer.concat(this.#body, Math.min(this.#bodyBytes, MAX_BODY_BYTES));
    const reason = shown(decodeHeaderValue(statusMessage), MAX_REASON_LENGTH);
    const refused = `handshake refused: HTTP ${status} ${reason}`.trim();
    const hint = hintForStatus(status);
    const line = firstLineOf(headers, body);
    // Servers like to repeat status and reason, and this library's own say what the hint says.
    const words = refused.includes(line) || hint.includes(line) ? '' : `: "${line}"`;
    return new FourDError('ERR_HANDSHAKE_REFUSED', `${refused}${words}${hint}`, {
      componentSignature: 'HTCL',
      phase: 'handshake',
      side: 'remote',
      httpStatus: status,
      // The peer chooses these names, so the object has no prototype.
      httpHeaders: Object.assign(Object.create(null), headers) as IncomingMessage['headers'],
      httpBody: body,
    });
  }
}
