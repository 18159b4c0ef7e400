import type { PeerDescription } from '../processes/calls.ts';

/** The peers that can be measured at this scale. */
export type ScalePeer = '4d-websocket' | 'ws';

/** How a message is sent to all connections. */
export type BroadcastWay = 'broadcast' | 'loop';

/** A server that holds many connections, with default settings. */
export interface ScaleServer extends PeerDescription {
  /** The ways to send to all that the server has. */
  readonly ways: readonly BroadcastWay[];
  /** Starts the server on a free port of 127.0.0.1, and returns the port. */
  listen(): Promise<number>;
  connectionCount(): number;
  sendToAll(text: string, way: BroadcastWay): void;
}
