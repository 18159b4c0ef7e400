import { isBearerSubprotocol } from '../handshake/bearer-subprotocol.ts';
import { buildUpgradeResponse } from '../handshake/server-handshake.ts';
import { LINGER_MS } from '../http/upgrade-refusal.ts';
import type { ConnectionListener } from '../connection/connection.ts';
import { openConnection } from '../session/open-connection.ts';
import type { ClosePayload } from '../protocol/close.ts';
import { SocketTransport } from '../transport/socket-transport.ts';
import type { ServerSettings } from './server-options.ts';
import type { UpgradeFacts } from './upgrade-facts.ts';

/** The id in the log of frames: connections that users see count from 1. */
const NO_ID = 0;

/** A connection that is closed at once has nothing to tell. */
const NOBODY: ConnectionListener = {
  runReading: (receive, connection, chunk) => receive(connection, chunk),
  onMessage() {},
  onClosing() {},
  onError() {},
  onWritable() {},
  onDropped() {},
  onTerminated() {},
};

/**
 * Refuses a page in a browser, which cannot read the status of an answer: lets it in, and closes the connection at once.
 *
 * @remarks The peer has {@link LINGER_MS} to answer and to end TCP, as a client has that is refused by a status, or
 * `closeTimeoutMs` when that is less.
 */
export function closeAtOnce(
  { socket, head, handshake, protocol }: UpgradeFacts,
  { code, reason }: ClosePayload,
  { dataType, limits }: ServerSettings,
): void {
  if (socket.destroyed) return;
  // A browser that offers subprotocols fails a connection without one: its page would not see the code.
  const spoken = protocol === '' ? handshake.protocols.find((offered) => !isBearerSubprotocol(offered)) : protocol;
  const answer = buildUpgradeResponse(handshake.key, spoken ?? '', '');
  const opened = { transport: new SocketTransport(socket), head, answer, compression: undefined };
  const connection = openConnection(opened, 'server', { id: NO_ID, dataType }, limits);
  connection.start(NOBODY);
  connection.close(code, reason ?? '', Math.min(limits.closeTimeoutMs, LINGER_MS));
}
