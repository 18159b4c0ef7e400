import type { ScaleTask } from '../scale/scale-clients.ts';
import type { BroadcastWay, ScalePeer } from '../scale/scale-server.ts';
import type { CommonCalls, PeerDescription } from './calls.ts';

/** A server that has started. */
export interface StartedServer extends PeerDescription {
  readonly port: number;
  readonly ways: readonly BroadcastWay[];
}

/** Times for which the event loop was blocked, in milliseconds. */
export interface LoopDelay {
  readonly p50: number;
  readonly p99: number;
  readonly max: number;
}

/** Calls to a server with many connections. */
export interface ScaleServerCalls extends CommonCalls {
  start(peer: ScalePeer): Promise<StartedServer>;
  connectionCount(nothing: null): Promise<number>;
  /** @returns the time at which sending began, by the clock that all processes share */
  sendToAll(task: { readonly text: string; readonly way: BroadcastWay }): Promise<number>;
  watchLoop(nothing: null): Promise<void>;
  /** Ends the measurement that {@link watchLoop} began. */
  loopDelay(nothing: null): Promise<LoopDelay>;
}

/** Calls to a process with many clients. */
export interface ScaleClientsCalls extends CommonCalls {
  open(task: ScaleTask): Promise<void>;
  expect(text: string): Promise<void>;
  arrivals(nothing: null): Promise<readonly number[]>;
  verify(nothing: null): Promise<void>;
  /** Returns the number of pings that were answered so far. */
  pings(nothing: null): Promise<number>;
}
