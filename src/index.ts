/**
 * The 4D WebSocket classes for Node.js.
 *
 * @packageDocumentation
 */
export {
  type ComponentSignature,
  type EndCause,
  type EndPhase,
  type ErrorCode,
  type ErrorItem,
  FourDError,
} from './errors.ts';
export {
  accept,
  type Acceptance,
  type AcceptOptions,
  type AnswerHeaders,
  refuse,
  type Refusal,
} from './api/admission.ts';
export { bearerToken, secretsEqual } from './api/bearer-token.ts';
export { type DataType, type SendableMessage, type SendOptions } from './api/data-type.ts';
export {
  type ConnectionEvent,
  type DrainEvent,
  type ErrorEvent,
  type MessageEvent,
  type OpenEvent,
  type ReconnectEvent,
  type ServerTerminateEvent,
  type TerminateEvent,
} from './api/events.ts';
export {
  type Admission,
  type CallbackResult,
  type ConnectionHandler,
  type ServerHandler,
  type WebSocketHandler,
} from './api/handlers.ts';
export { type WebSocketOptions } from './api/client-options.ts';
export { type CommonOptions } from './api/common-options.ts';
export { type CompressionOptions } from './api/compression-options.ts';
export { type OriginCheck, type Origins } from './api/origins.ts';
export { type BroadcastOptions } from './api/server-core.ts';
export { type DrainOptions, type DrainResult } from './api/drain.ts';
export { type GlobalLimits, setGlobalLimits } from './api/global-limits.ts';
export { type WebSocketServerOptions } from './api/server-options.ts';
export { type ConnectionLoss, type ReconnectOptions, type RequestHeaders } from './api/reconnect-options.ts';
export { type RequestInfo } from './api/request-info.ts';
export { type Status } from './api/status.ts';
export { type StartResult, WebServer, webServer } from './api/web-server.ts';
export { type CORSRule, type WebServerSettings } from './api/web-server-settings.ts';
export { WebSocket, type WebSocketConstructor } from './api/web-socket.ts';
export { WebSocketConnection } from './api/web-socket-connection.ts';
export { WebSocketServer } from './api/web-socket-server.ts';
export { type BufferPolicy, type SendStatus } from './transport/driver.ts';
export { ek, lastErrors, onErrCall, throwError, tryExpr } from './process/error-handling.ts';
export { callWorker, currentProcessName, killWorker, processVariables } from './process/worker.ts';
export { type ErrorHandler } from './process/logical-process.ts';
