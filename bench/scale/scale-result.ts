import type { LoopDelay } from '../processes/scale-calls.ts';
import type { Machine } from '../report/machine.ts';
import type { BroadcastWay, ScalePeer } from './scale-server.ts';

/** Memory and processor time of one server process. */
export interface ServerFigures {
  readonly connections: number;
  readonly rssBytes: number;
  readonly rssBytesPerConnection: number;
  readonly heapBytesPerConnection: number;
  readonly idle: IdleFigures;
}

/** Figures of the idle time. */
export interface IdleFigures {
  /** Share of a processor, 0 to 1. */
  readonly cpuShare: number;
  /** Pings that the clients answered. */
  readonly pings: number;
  /** Longest time for which the event loop was blocked. */
  readonly maxLoopDelayMs: number;
}

/** Times of one message to all connections, from when the first server began. */
export interface BroadcastFigures {
  readonly way: BroadcastWay;
  /** Time until the first client had the message. */
  readonly firstMs: number;
  /** Time until half of the clients had the message. */
  readonly halfMs: number;
  readonly lastMs: number;
  /** Loop delays of each server process. */
  readonly loopDelays: readonly LoopDelay[];
}

/** One peer with many connections. */
export interface ScaleResult {
  readonly peer: ScalePeer;
  readonly version: string;
  readonly notes: string;
  readonly connections: number;
  readonly openMs: number;
  readonly idleMs: number;
  readonly servers: readonly ServerFigures[];
  /** One element for each round of each way. */
  readonly broadcasts: readonly BroadcastFigures[];
}

/** A whole run, which is the content of the JSON file. */
export interface ScaleRun {
  readonly date: string;
  readonly machine: Machine;
  readonly openFileLimit: number;
  readonly results: readonly ScaleResult[];
}
