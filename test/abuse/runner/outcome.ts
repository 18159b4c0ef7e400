import type { Bound } from '../attack.ts';
import type { HonestReport } from '../honest/honest-ledger.ts';
import type { CrowdReport } from '../hostile/hostile-crowd.ts';
import type { Left } from '../processes/calls.ts';

/** What the server held at a height of an attack: memory in addition to the memory before it, and open files. */
export interface Height {
  /** Hostile peers at that moment. */
  readonly peers: number;
  readonly heldBytes: number;
  /** Files that the server had open to serve them. */
  readonly openFiles: number;
  /** The bound for one peer. */
  readonly bound: Bound;
}

/** The outcome of one attack. */
export interface Outcome {
  readonly heights: readonly Height[];
  readonly hostile: CrowdReport;
  readonly honest: HonestReport;
  /** What the server has left in the end, when every honest client has gone too. */
  readonly left: Left;
  /** What the server keeps of peers that have gone, when the attack is repeated: a sentence for each figure. */
  readonly kept: readonly string[];
}
