/**
 * The low door: WebSocket connections over sockets whose opening handshake somebody else has done, and the functions for
 * that handshake. For authors of libraries.
 *
 * @packageDocumentation
 */
export { type OpenedSocket, SocketConnection, type SocketListener } from './core/socket-connection.ts';
export { type SendCallback } from './core/send-callbacks.ts';
export { ConnectionSettings, type ConnectionSettingsOptions } from './core/connection-settings.ts';
export { type CompressionMaker, type CompressionSettings, createCompression } from './core/compression.ts';
export { type Compression } from './protocol/compression.ts';
export { type Role } from './protocol/constants.ts';
export { PreparedMessage } from './protocol/prepared-message.ts';
export { isSendableCloseCode } from './protocol/close.ts';
export { type Ending } from './connection/closing-state.ts';
export { type SendStatus } from './connection/send-status.ts';
export { FourDError } from './errors.ts';
export {
  buildUpgradeResponse,
  checkUpgradeRequest,
  chooseProtocol,
  type HandshakeHeaders,
  type InvalidUpgrade,
  type UpgradeRequest,
  type ValidUpgrade,
} from './handshake/server-handshake.ts';
export {
  buildHandshakeHeaders,
  checkUpgradeResponse,
  type HandshakeAgreement,
  type HandshakeOffer,
  type HandshakeResult,
  newHandshakeKey,
} from './handshake/client-handshake.ts';
export { type AcceptedOffer, acceptOffer, type DeflateParameters } from './handshake/permessage-deflate.ts';
export { type ExtensionOffer } from './handshake/header-grammar.ts';
