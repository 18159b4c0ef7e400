import type { LoopDelay } from '../processes/scale-calls.ts';
import type { Machine } from '../report/machine.ts';
import type { BroadcastWay, ScalePeer } from './scale-server.ts';

/** What one server process held, and used. */
export interface ServerFigures {
  readonly connections: number;
  readonly rssBytes: number;
  readonly rssBytesPerConnection: number;
  readonly heapBytesPerConnection: number;
  readonly idle: IdleFigures;
}

/** What happened while nothing was to be done. */
export interface IdleFigures {
  /** Share of a processor, 0 to 1. */
  readonly cpuShare: number;
  /** Pings that the clients answered. */
  readonly pings: number;
  /** The longest that the event loop was held up. */
  readonly maxLoopDelayMs: number;
}

/** One message to all connections, in milliseconds from when the first server began. */
export interface BroadcastFigures {
  readonly way: BroadcastWay;
  /** When the first client had it. */
  readonly firstMs: number;
  /** When half of the clients had it. */
  readonly halfMs: number;
  readonly lastMs: number;
  /** Of each server process. */
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
  /** Each of all rounds. */
  readonly broadcasts: readonly BroadcastFigures[];
}

/** A whole run: what the JSON file holds. */
export interface ScaleRun {
  readonly date: string;
  readonly machine: Machine;
  readonly openFileLimit: number;
  readonly results: readonly ScaleResult[];
}
