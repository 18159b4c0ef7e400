import type { HonestReport, Phase } from '../honest/honest-ledger.ts';
import type { CrowdReport, CrowdTask } from '../hostile/hostile-crowd.ts';
import type { WarmUpTask } from '../hostile/warm-up.ts';
import type { LimitSettings } from '../limits.ts';

/** What the server's process holds, after its garbage was collected. */
export interface Held {
  /** Memory that the system has given it. */
  readonly residentBytes: number;
  /** Objects and buffers in use, touched or not. */
  readonly usedBytes: number;
}

/** What is left at the server. */
export interface Left {
  /** WebSocket connections. */
  readonly connections: number;
  /** TCP connections. */
  readonly sockets: number;
}

/** Calls that the server's process answers. */
export interface ServerCalls {
  /**
   * Starts the server and gives its port.
   *
   * @param without - limits that are switched off
   */
  start(task: { readonly settings: LimitSettings; readonly without: readonly string[] }): Promise<number>;
  measure(nothing: null): Promise<Held>;
  /** Waits until nothing is left, but not longer than this. */
  left(patienceMs: number): Promise<Left>;
}

/** Calls that the honest clients' process answers. */
export interface HonestCalls {
  start(task: { readonly port: number; readonly clients: number }): Promise<void>;
  enter(phase: Phase): Promise<void>;
  stop(nothing: null): Promise<HonestReport>;
}

/** How far an attack has come. */
export type AttackStep =
  | { readonly state: 'height'; readonly peers: number; readonly isBusy: boolean }
  | { readonly state: 'over'; readonly report: CrowdReport };

/** Calls that the hostile peers' process answers. */
export interface HostileCalls {
  /** Lets decent connections come and go, so that the server has grown to its usual size before it is measured. */
  warmUp(task: WarmUpTask): Promise<void>;
  /** Begins an attack, and resolves when there is something to measure. */
  begin(task: CrowdTask & { readonly name: string }): Promise<AttackStep>;
  /** Goes on after a measurement. */
  goOn(nothing: null): Promise<AttackStep>;
}
