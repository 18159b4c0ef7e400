import type { PeerDescription } from '../processes/calls.ts';

/** What can be measured at this scale. */
export type ScalePeer = '4d-websocket' | 'ws';

/** How a message goes to all connections. */
export type BroadcastWay = 'broadcast' | 'loop';

/** A server that holds many connections, with its settings as they are by default. */
export interface ScaleServer extends PeerDescription {
  /** The ways it has. */
  readonly ways: readonly BroadcastWay[];
  /** Starts it on a free port of 127.0.0.1, which is the result. */
  listen(): Promise<number>;
  connectionCount(): number;
  sendToAll(text: string, way: BroadcastWay): void;
}
