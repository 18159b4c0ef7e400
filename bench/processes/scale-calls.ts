import type { ScaleTask } from '../scale/scale-clients.ts';
import type { BroadcastWay, ScalePeer } from '../scale/scale-server.ts';
import type { CommonCalls, PeerDescription } from './calls.ts';

/** A server that has started. */
export interface StartedServer extends PeerDescription {
  readonly port: number;
  readonly ways: readonly BroadcastWay[];
}

/** For how long the event loop was held up, in milliseconds. */
export interface LoopDelay {
  readonly p50: number;
  readonly p99: number;
  readonly max: number;
}

/** Calls that a server with many connections answers. */
export interface ScaleServerCalls extends CommonCalls {
  start(peer: ScalePeer): Promise<StartedServer>;
  connectionCount(nothing: null): Promise<number>;
  /** @returns when it began, by the clock that all processes share */
  sendToAll(task: { readonly text: string; readonly way: BroadcastWay }): Promise<number>;
  watchLoop(nothing: null): Promise<void>;
  /** Ends watching. */
  loopDelay(nothing: null): Promise<LoopDelay>;
}

/** Calls that a process with many clients answers. */
export interface ScaleClientsCalls extends CommonCalls {
  open(task: ScaleTask): Promise<void>;
  expect(text: string): Promise<void>;
  arrivals(nothing: null): Promise<readonly number[]>;
  verify(nothing: null): Promise<void>;
  /** Pings that were answered so far. */
  pings(nothing: null): Promise<number>;
}
