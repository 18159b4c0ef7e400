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
  type MessageIssue,
} from './errors.ts';
export { type AcceptOptions, type AnswerHeaders, type Refusal, type RefuseOptions } from './server/admission.ts';
export { accept, type Acceptance, type Admission, refuse } from './server/answers.ts';
export { deny, grant, type Grant, type GrantOptions, type Denial } from './server/topic-grant.ts';
export {
  type HistoryRange,
  type PublishAnswer,
  type PublishEvent,
  type RequestEvent,
  type ServerSubscribeOptions,
  type SubscribeAnswer,
  type SubscribeEvent,
  type UnsubscribeCause,
  type UnsubscribeEvent,
} from './server/topic-events.ts';
export {
  type OnSlow,
  type PresenceOptions,
  type TopicLimits,
  type TopicRule,
  type TopicsOptions,
} from './server/topic-options.ts';
export { type ServerPublishOptions } from './server/topic-publishing.ts';
export { type EndUserOptions } from './server/topic-users.ts';
export { type Topics } from './server/topics.ts';
export { type Broker, type Retention } from './topics/broker.ts';
export { memoryBroker, type MemoryBrokerOptions } from './topics/memory-broker.ts';
export {
  type RequestOptions,
  type RequestSignal,
  type SubscribeOptions,
  type TopicMethods,
} from './topics/client-types.ts';
export { type Position } from './topics/position.ts';
export {
  type GapEvent,
  type GapReason,
  type HistoryPage,
  type LiveEvent,
  type Member,
  type Members,
  type MembersEvent,
  type Publishable,
  type Published,
  type PublishOptions,
  type RefusedEvent,
  type Since,
  type SubscribedEvent,
  type Subscription,
  type SubscriptionEndCause,
  type SubscriptionEndEvent,
  type TopicHandler,
  type TopicMessage,
  type TopicMessageEvent,
} from './topics/topic-handler.ts';
export { type TopicsStats } from './topics/topic-stats.ts';
export { bearerToken, secretsEqual } from './server/bearer-token.ts';
export { type SendOptions } from './session/data-type.ts';
export { type DataType, type SendableMessage } from './session/message-types.ts';
export {
  type DisconnectEvent,
  type DrainEvent,
  type ErrorEvent,
  type InvalidEvent,
  type MessageEvent,
  type OpenEvent,
  type ReconnectEvent,
  type ServerTerminateEvent,
  type TerminateEvent,
} from './session/events.ts';
export { type StandardSchema } from './session/standard-schema.ts';
export { type OnInvalid, type ValidationOptions } from './session/validation.ts';
export { type CallbackResult } from './session/call-handler.ts';
export { type WebSocketOptions } from './client/client-options.ts';
export { type CommonOptions } from './session/common-options.ts';
export { type CompressionOptions } from './session/common-options.ts';
export { type OriginCheck, type Origins } from './server/origins.ts';
export { type DrainOptions, type DrainResult } from './server/shutdown.ts';
export { type Readiness } from './server/server-state.ts';
export { type GlobalLimits, setGlobalLimits } from './session/global-limits.ts';
export { type ServeOptions } from './server/serve-options.ts';
export { type WebSocketServerOptions } from './server/server-options.ts';
export { type ConnectionLoss, type ReconnectOptions, type RequestHeaders } from './client/reconnect-options.ts';
export { type ResponseHeaders } from './handshake/stored-answer.ts';
export { type RefuseEvent } from './server/refusal-reports.ts';
export { type ConnectionEvent, type RequestInfo } from './server/request-info.ts';
export {
  type ClientChannelMessage,
  type ConnectionChannelMessage,
  type MessageChannelMessage,
  type RefusalCause,
  type RefusedChannelCause,
  type ServerChannelMessage,
  type Side,
  type TopicsChannelMessage,
} from './diagnostics/channels.ts';
export {
  type CallbackMetrics,
  type ClientMetrics,
  clientMetrics,
  type ConnectionMetrics,
  type ServerMetrics,
} from './diagnostics/metrics.ts';
export { metricsText } from './diagnostics/metrics-text.ts';
export { type Status } from './session/status.ts';
export { type StartResult, WebServer, webServer } from './web-server/web-server.ts';
export { type Certificate } from './web-server/http-servers.ts';
export { type CORSRule, type WebServerSettings } from './web-server/web-server-settings.ts';
export { WebSocket, type WebSocketConstructor, type WebSocketHandler } from './client/web-socket.ts';
export { type ConnectionHandler, type TopicsHandler, WebSocketConnection } from './server/web-socket-connection.ts';
export type { AnyConnection, BroadcastOptions } from './server/broadcast-options.ts';
export { type ServerHandler, WebSocketServer } from './server/web-socket-server.ts';
export { type BufferPolicy } from './connection/connection.ts';
export { type SendStatus } from './connection/send-status.ts';
export { ek, lastErrors, onErrCall, throwError, tryExpr } from './workers/error-handling.ts';
export { callWorker, currentProcessName, killWorker, processVariables } from './workers/commands.ts';
export { type ErrorHandler } from './workers/worker.ts';
