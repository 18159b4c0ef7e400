import type { DisconnectEvent, ReconnectEvent, WebSocket } from '../../src/index.ts';
import { Inbox } from './inbox.ts';
import { RecordingHandler } from './recording-handler.ts';

/** What a test does within the callbacks of reconnecting. */
export interface ReconnectAdditions {
  onReconnect?(ws: WebSocket): unknown;
  onDisconnect?(ws: WebSocket, event: DisconnectEvent): unknown;
}

/** A recording handler that records onReconnect and onDisconnect too. */
export class ReconnectingHandler extends RecordingHandler {
  readonly reconnects = new Inbox<ReconnectEvent>();
  readonly disconnects = new Inbox<DisconnectEvent>();
  readonly #then: ReconnectAdditions;

  constructor(then: ReconnectAdditions = {}) {
    super();
    this.#then = then;
  }

  onReconnect(ws: WebSocket, event: ReconnectEvent): unknown {
    this.reconnects.push(event);
    return this.#then.onReconnect?.(ws);
  }

  onDisconnect(ws: WebSocket, event: DisconnectEvent): unknown {
    this.disconnects.push(event);
    return this.#then.onDisconnect?.(ws, event);
  }
}
