/**
 * A door for programs that were written for the package `ws`: its classes, on the connections of this library.
 *
 * @packageDocumentation
 */
export { WebSocket, WebSocket as default } from './ws/web-socket.ts';
export { WebSocketServer, WebSocketServer as Server, type WebSocketServerEvents } from './ws/web-socket-server.ts';
export { createWebSocketStream } from './ws/web-socket-stream.ts';
export { type FrameOptions, Sender } from './ws/sender.ts';
export { type BinaryType, type BufferLike, type RawData } from './ws/data.ts';
export { type ClientOptions } from './ws/client-options.ts';
export { type PerMessageDeflateOptions, type SharedOptions } from './ws/options.ts';
export { type SendOptions } from './ws/web-socket-core.ts';
export { type SendCallback } from './core/send-callbacks.ts';
export {
  type ClientInfo,
  type ServerOptions,
  type VerifyClientCallbackAsync,
  type VerifyClientCallbackSync,
} from './ws/server-options.ts';
export {
  type CloseEvent,
  type ErrorEvent,
  type Event,
  type MessageEvent,
  type WebSocketEventMap,
  type WebSocketEvents,
  type WebSocketShape,
} from './ws/web-socket-types.ts';
