import type { Exchange } from '../load/exchange.ts';
import type { LoadPlan } from '../load/load.ts';
import type { PacedExchange, Pacing } from '../load/pace.ts';
import type { Quantiles } from '../load/quantiles.ts';
import type { TopicLoadCalls } from '../load/topic-load.ts';
import type { MessageShape } from '../messages.ts';
import type { Peer } from '../peers.ts';

/** Processor time of a process since its start, and its current memory. */
export interface Usage {
  readonly cpuMicros: number;
  readonly rssBytes: number;
  readonly heapBytes: number;
}

/** The work of a server. */
export interface ServerWorkload {
  /** `'fan-out'` sends to all in a loop, `'broadcast'` by the peer's own function if it has one, else in a loop; `'topics'`: see `servers/topic-server.ts`. */
  readonly behaviour: 'echo' | 'fan-out' | 'broadcast' | 'topics';
  readonly shape: MessageShape;
}

export interface PeerDescription {
  readonly version: string;
  /** How the peer runs here. */
  readonly notes: string;
}

/** Calls of every process. */
export interface CommonCalls {
  /** @param afterGc - whether to collect garbage first, which needs --expose-gc */
  usage(afterGc: boolean): Promise<Usage>;
  startProfile(nothing: null): Promise<void>;
  /** Writes the profile to `file`. */
  stopProfile(file: string): Promise<void>;
}

/** Calls of every process that runs peers. */
export interface DescribingCalls extends CommonCalls {
  describe(peer: Peer): Promise<PeerDescription>;
}

/** Calls to a server process. */
export interface ServerCalls extends DescribingCalls {
  /** Starts the server and returns its port. */
  start(task: { readonly peer: Peer; readonly workload: ServerWorkload }): Promise<number>;
  /**
   * Describes a wrong message of a client; undefined when there was none, and when the server does not check.
   *
   * @param isQuiet - true when all messages were answered, so that no part of a message may be left
   */
  findFault(isQuiet: boolean): Promise<string | undefined>;
  /**
   * Publishes one message in each of so many topics, the numbers `from` and up behind the prefix, one after the other. Only a server with
   * topics does that.
   *
   * @returns how long these took, in µs
   */
  publish(task: { readonly prefix: string; readonly from: number; readonly count: number }): Promise<Quantiles>;
  /** Most memory that the process had, in bytes. */
  peakBytes(nothing: null): Promise<number>;
}

/** Calls to the load generator. */
export interface LoadCalls extends CommonCalls, TopicLoadCalls {
  /** Opens connections, beside those of earlier calls. The result counts handshakes. */
  open(plan: LoadPlan): Promise<Exchange>;
  /** Lets messages flow on the connections of the last {@link open}. */
  run(durationMs: number): Promise<Exchange>;
  /** Sends messages at fixed times on the connections of the last {@link open}. */
  pace(pacing: Pacing): Promise<PacedExchange>;
  /** Rejects when anything went wrong, or came that was not asked for, since the last measurement. */
  verify(nothing: null): Promise<void>;
}

/** Calls to a process with clients. */
export interface ClientCalls extends DescribingCalls {
  /** Opens connections, beside those of earlier calls. The result counts handshakes. */
  open(task: { readonly peer: Peer; readonly plan: LoadPlan }): Promise<Exchange>;
  /** Lets messages flow on the connections of the last {@link open}. */
  run(durationMs: number): Promise<Exchange>;
  /** Rejects when anything went wrong, or came that was not asked for, since the last measurement. */
  verify(nothing: null): Promise<void>;
}
