/**
 * What bundlers for browsers take for `4d-websocket`: the client of `4d-websocket/browser`, and names that say why a
 * browser cannot have what they stand for.
 *
 * @packageDocumentation
 */
export {
  accept,
  bearerToken,
  callWorker,
  clientMetrics,
  currentProcessName,
  deny,
  ek,
  grant,
  killWorker,
  lastErrors,
  memoryBroker,
  metricsText,
  onErrCall,
  processVariables,
  refuse,
  secretsEqual,
  setGlobalLimits,
  throwError,
  tryExpr,
  WebServer,
  webServer,
  WebSocketConnection,
  WebSocketServer,
} from './browser/absent.ts';
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
