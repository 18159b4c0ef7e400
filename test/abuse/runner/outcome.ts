import type { Bound } from '../attack.ts';
import type { HonestReport } from '../honest/honest-ledger.ts';
import type { CrowdReport } from '../hostile/hostile-crowd.ts';
import type { Left } from '../processes/calls.ts';

/** What the server held at a height of an attack, beyond what it held before. */
export interface Height {
  /** Hostile peers at that moment. */
  readonly peers: number;
  readonly heldBytes: number;
  /** For each of them. */
  readonly bound: Bound;
}

/** All that was seen of one attack. */
export interface Outcome {
  readonly heights: readonly Height[];
  readonly hostile: CrowdReport;
  readonly honest: HonestReport;
  /** At the server in the end, when every honest client has gone too. */
  readonly left: Left;
}
