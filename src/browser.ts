/**
 * The client of 4d-websocket for browsers, over the browser's own WebSocket: `4d-websocket/browser`.
 *
 * @packageDocumentation
 */
export { type ComponentSignature, type EndCause, type EndPhase, type ErrorCode, type ErrorItem } from './errors.ts';
export { FourDError } from './browser/browser-error.ts';
export { type BrowserTerminateEvent as TerminateEvent } from './browser/browser-types.ts';
export {
  type BrowserReconnectOptions as ReconnectOptions,
  type BrowserWebSocketOptions as WebSocketOptions,
} from './browser/browser-options.ts';
export { type WebSocketConstructor, type WebSocketHandler } from './browser/browser-types.ts';
export { WebSocket } from './browser/web-socket.ts';
export { type ConnectionLoss } from './client/reconnect-options.ts';
export { type SendStatus } from './connection/send-status.ts';
export { type CallbackResult } from './session/call-handler.ts';
export {
  type DisconnectEvent,
  type DrainEvent,
  type ErrorEvent,
  type MessageEvent,
  type OpenEvent,
  type ReconnectEvent,
} from './session/events.ts';
export { type DataType, type SendableMessage } from './session/message-types.ts';
export { type Status } from './session/status.ts';
