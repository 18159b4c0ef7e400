import { STATUS_CODES } from 'node:http';
import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { timers } from '../base/timers.ts';
import type { RefusedChannelCause } from '../diagnostics/channels.ts';
import { countRefused } from '../diagnostics/refused.ts';
import { unrouted } from '../diagnostics/sources.ts';
import { toPlainAddress } from '../handshake/authority.ts';
import type { UpgradeRequest } from '../handshake/server-handshake.ts';

/** Longest time for a refused client to read the answer and to end its side. */
export const LINGER_MS = 5000;

/** The refusal of an upgrade request. */
export interface UpgradeRefusal {
  readonly status: number;
  /** `'path'` when no WebSocket server has the path of the request, so that no server hears of the refusal. */
  readonly cause: RefusedChannelCause;
  /** Why, for people. The answer tells it the client, unless it has a {@link body} of its own. */
  readonly reason: string;
  /** What to change, and where, for the people who run the server. The client never gets it. */
  readonly advice: string;
  /** Body of the answer, which {@link headerLines} describes. */
  readonly body?: string | undefined;
  /** Further lines of the answer's head, checked, each with its CRLF. */
  readonly headerLines?: string | undefined;
}

/** Somebody who hears of refusals: the server whose client is refused. */
export interface RefusalListener {
  /** Called after the answer was written. The socket may be destroyed. */
  onRefused?(refusal: UpgradeRefusal, request: UpgradeRequest, socket: Duplex): void;
}

/**
 * Refuses an upgrade request: answers it with plain HTTP, closes the socket and tells the listener. Every refusal of an
 * upgrade request passes here.
 *
 * @remarks A client that does not end its side is cut off after {@link LINGER_MS}.
 * @param socket - has an 'error' listener. Nothing is written when it is destroyed
 * @param listener - the server that the request was for, undefined when no server has its path
 * @param write - answers in another way than with plain HTTP
 */
export function refuseUpgrade(
  request: UpgradeRequest,
  socket: Duplex,
  refusal: UpgradeRefusal,
  listener: RefusalListener | undefined,
  write: (socket: Duplex, refusal: UpgradeRefusal) => void = writeRefusal,
): void {
  write(socket, refusal);
  if (listener !== undefined) listener.onRefused?.(refusal, request, socket);
  else countRefused(unrouted, refusal, request, toPlainAddress((socket as Partial<Socket>).remoteAddress));
}

/** Answers with plain HTTP and closes the socket. */
export function writeRefusal(
  socket: Duplex,
  { status, reason, body, headerLines = '' }: Pick<UpgradeRefusal, 'status' | 'reason' | 'body' | 'headerLines'>,
): void {
  if (socket.destroyed) return;
  const content = body ?? `${reason}\n`;
  const typeLine = body === undefined ? 'Content-Type: text/plain; charset=utf-8\r\n' : '';
  const head =
    `HTTP/1.1 ${status} ${STATUS_CODES[status] ?? ''}\r\nConnection: close\r\n` +
    `Content-Length: ${Buffer.byteLength(content)}\r\n${typeLine}${headerLines}\r\n`;
  // Header values may be Latin-1; the body is UTF-8.
  socket.end(Buffer.concat([Buffer.from(head, 'latin1'), Buffer.from(content, 'utf8')]));
  // The rest of the client's bytes is read and dropped: with unread bytes the system would send a reset, which
  // overtakes the answer.
  socket.resume();
  const deadline = { onDeadline: () => socket.destroy() };
  const ticket = timers.schedule(deadline, LINGER_MS);
  socket.once('close', () => timers.cancel(deadline, ticket));
}
