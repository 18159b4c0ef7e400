import type { HostileCrowd } from './hostile/hostile-crowd.ts';
import type { Limits, LimitSettings, WebLimitSettings } from './limits.ts';

/** The memory that a server may hold for one hostile peer. */
export interface Bound {
  readonly bytes: number;
  /** The sum behind the bytes, in names of options. */
  readonly formula: string;
}

/** How a hostile peer ended, in words that can be counted: `1008`, `HTTP 431`, `own reset`. */
export type Ending = string;

/** One kind of attack: its hostile peers, what they do, and the documented outcome. */
export interface Attack {
  readonly name: string;
  /** What the peers do: the text continues the words "hostile peers". */
  readonly title: string;
  /** Number of hostile peers at a time. */
  readonly peers: number;
  /** Settings of the server that differ from the defaults: mostly shorter times, because a run is short. */
  readonly settings: LimitSettings;
  /** Settings of the web server that differ from the defaults. */
  readonly web?: WebLimitSettings;
  /** Whether the server's process also creates and ends servers at the path `/ending`, one after the other. */
  readonly endsServers?: boolean;
  /** The documented memory that one of these peers may cost. */
  readonly bound: (limits: Limits, peers: number) => Bound;
  /** The documented endings of the peers; each of them must be seen at least once. */
  readonly endings: readonly Ending[];
  /** Other endings that are correct too. */
  readonly otherEndings?: readonly Ending[];
  /** Time for the server to end a peer after the peer's last hostile act. */
  readonly patienceMs: number;
  /** Runs the attack. Resolves when the peers have done everything; the crowd then waits for their ends. */
  readonly run: (crowd: HostileCrowd) => Promise<void>;
}
