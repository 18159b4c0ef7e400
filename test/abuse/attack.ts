import type { HostileCrowd } from './hostile/hostile-crowd.ts';
import type { Limits, LimitSettings } from './limits.ts';

/** What a server may hold for one hostile peer. */
export interface Bound {
  readonly bytes: number;
  /** How that comes about, in names of options. */
  readonly formula: string;
}

/** How a hostile peer ended, in words that can be counted: `1008`, `HTTP 431`, `own reset`. */
export type Ending = string;

/** One thing that hostile peers may try: its peers, what they do, and what the documentation says comes of it. */
export interface Attack {
  readonly name: string;
  /** What the peers do, to follow "hostile peers". */
  readonly title: string;
  /** Hostile peers at once. */
  readonly peers: number;
  /** What the server has that is not the default: mostly times that a short run cannot wait for. */
  readonly settings: LimitSettings;
  /** What one of these peers may cost, as documented. */
  readonly bound: (limits: Limits, peers: number) => Bound;
  /** How the peers end, as documented: each of these is seen at least once. */
  readonly endings: readonly Ending[];
  /** Other endings that are right too. */
  readonly otherEndings?: readonly Ending[];
  /** How long a peer may take to be ended from the moment on in which it has done its worst. */
  readonly patienceMs: number;
  /** Makes the attack. It ends when all that the peers do is done; the crowd then waits for their ends. */
  readonly run: (crowd: HostileCrowd) => Promise<void>;
}
