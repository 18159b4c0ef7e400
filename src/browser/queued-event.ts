import type {
  DisconnectEvent,
  DrainEvent,
  ErrorEvent,
  MessageEvent,
  OpenEvent,
  ReconnectEvent,
} from '../session/events.ts';
import type { BrowserTerminateEvent } from './browser-types.ts';

/** An event that is delivered to the handler. */
export type QueuedEvent =
  | OpenEvent
  | MessageEvent<unknown>
  | DrainEvent
  | DisconnectEvent
  | ReconnectEvent
  | ErrorEvent
  | BrowserTerminateEvent;
