import type { ClientRequest, IncomingMessage } from 'node:http';
import type { RawData } from './data.ts';

/** The event of 'open'. */
export interface Event {
  readonly type: string;
  readonly target: WebSocketShape;
}

/** The event of 'error'. */
export interface ErrorEvent extends Event {
  readonly error: unknown;
  readonly message: string;
}

/** The event of 'close'. */
export interface CloseEvent extends Event {
  readonly wasClean: boolean;
  readonly code: number;
  readonly reason: string;
}

/** The event of 'message'. */
export interface MessageEvent extends Event {
  readonly data: string | RawData;
}

/** What events show of the WebSocket that they happen to. */
export interface WebSocketShape {
  readonly readyState: number;
  readonly url: string;
  readonly protocol: string;
  send(data: string | Uint8Array): void;
  close(code?: number, reason?: string): void;
}

/** The events of `addEventListener`. */
export interface WebSocketEventMap {
  open: Event;
  error: ErrorEvent;
  close: CloseEvent;
  message: MessageEvent;
}

/** What `onopen` and the like hold. */
export type OnListener<Type extends keyof WebSocketEventMap> = ((event: WebSocketEventMap[Type]) => void) | null;

/** A listener of `addEventListener`. */
export type ListenerOf<Type extends keyof WebSocketEventMap> =
  | ((event: WebSocketEventMap[Type]) => void)
  | { handleEvent(event: WebSocketEventMap[Type]): void };

/** What the listeners of `on` get, by the name of the event. */
export interface WebSocketEvents {
  close: [code: number, reason: Buffer];
  error: [error: Error];
  upgrade: [response: IncomingMessage];
  message: [data: RawData, isBinary: boolean];
  open: [];
  ping: [data: Buffer];
  pong: [data: Buffer];
  redirect: [url: string, request: ClientRequest];
  'unexpected-response': [request: ClientRequest, response: IncomingMessage];
}
