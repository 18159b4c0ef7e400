/**
 * The client of 4d-websocket for browsers, with topics: `4d-websocket/browser-topics`. It takes the place of
 * `4d-websocket/browser`, and has all that that one has.
 *
 * @packageDocumentation
 */
export { type ComponentSignature, type EndCause, type EndPhase, type ErrorCode, type ErrorItem } from './errors.ts';
export { FourDError } from './browser/browser-error.ts';
export { type BrowserTerminateEvent as TerminateEvent } from './browser/browser-types.ts';
export { type BrowserReconnectOptions as ReconnectOptions } from './browser/browser-options.ts';
export {
  type TopicsWebSocketOptions as WebSocketOptions,
  type WebSocketConstructor,
  type WebSocketHandler,
} from './browser/topics-types.ts';
export { WebSocket } from './browser/topics-web-socket.ts';
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
