import type { Exchange } from '../load/exchange.ts';
import type { LoadPlan } from '../load/load.ts';
import type { PacedExchange, Pacing } from '../load/pace.ts';
import type { MessageShape } from '../messages.ts';
import type { Peer } from '../peers.ts';

/** What a process has used since it began, and holds. */
export interface Usage {
  readonly cpuMicros: number;
  readonly rssBytes: number;
  readonly heapBytes: number;
}

/** What a server does with a message. */
export interface ServerWorkload {
  /** To all: `'fan-out'` by sending in a loop, `'broadcast'` by what the peer has for it, or else in a loop too. */
  readonly behaviour: 'echo' | 'fan-out' | 'broadcast';
  readonly shape: MessageShape;
}

export interface PeerDescription {
  readonly version: string;
  /** What is to be known about how it runs here. */
  readonly notes: string;
}

/** Calls of every process. */
export interface CommonCalls {
  /** @param afterGc - collect garbage first, which needs --expose-gc */
  usage(afterGc: boolean): Promise<Usage>;
  startProfile(nothing: null): Promise<void>;
  /** Writes the profile to `file`. */
  stopProfile(file: string): Promise<void>;
}

/** Calls of every process that runs peers. */
export interface DescribingCalls extends CommonCalls {
  describe(peer: Peer): Promise<PeerDescription>;
}

/** Calls that a server process answers. */
export interface ServerCalls extends DescribingCalls {
  /** Starts the server and gives its port. */
  start(task: { readonly peer: Peer; readonly workload: ServerWorkload }): Promise<number>;
  /**
   * What a client sent that it must not have; undefined when nothing, and when the server does not look.
   *
   * @param isQuiet - whether all messages were answered, so that no part of one may be left
   */
  findFault(isQuiet: boolean): Promise<string | undefined>;
}

/** Calls that the load generator answers. */
export interface LoadCalls extends CommonCalls {
  /** Opens connections, beside those of earlier calls. The result counts handshakes. */
  open(plan: LoadPlan): Promise<Exchange>;
  /** Lets messages flow on the connections of the last {@link open}. */
  run(durationMs: number): Promise<Exchange>;
  /** Sends messages at fixed times on the connections of the last {@link open}. */
  pace(pacing: Pacing): Promise<PacedExchange>;
  /** Rejects when anything went wrong, or came that was not asked for, since the last measurement. */
  verify(nothing: null): Promise<void>;
}

/** Calls that a process with clients answers. */
export interface ClientCalls extends DescribingCalls {
  /** Opens connections, beside those of earlier calls. The result counts handshakes. */
  open(task: { readonly peer: Peer; readonly plan: LoadPlan }): Promise<Exchange>;
  /** Lets messages flow on the connections of the last {@link open}. */
  run(durationMs: number): Promise<Exchange>;
  /** Rejects when anything went wrong, or came that was not asked for, since the last measurement. */
  verify(nothing: null): Promise<void>;
}
