import type { Inventory } from '../../helpers/inventory.ts';
import type { FaultName } from '../../helpers/planted-faults.ts';
import type { HonestReport, Phase } from '../honest/honest-ledger.ts';
import type { CrowdReport, CrowdTask } from '../hostile/hostile-crowd.ts';
import type { WarmUpTask } from '../hostile/warm-up.ts';
import type { LimitSettings, WebLimitSettings } from '../limits.ts';

/** What the server's process holds after a garbage collection. */
export interface Held {
  /** Resident memory: memory that the system has given to the process. */
  readonly residentBytes: number;
  /** Objects and buffers in use, even if the system has not given memory for them yet. */
  readonly usedBytes: number;
  /** Files that the web server has opened to serve them. */
  readonly openFiles: number;
}

/** What is left at the server. */
export interface Left {
  /** WebSocket connections. */
  readonly connections: number;
  /** TCP connections. */
  readonly sockets: number;
  /** File descriptors of the process that were not open before the first client. 0 where the system does not tell. */
  readonly descriptors: number;
  /** Servers that were not over in their time. */
  readonly lateServers: number;
}

/** Calls to the server's process. */
export interface ServerCalls {
  /**
   * Starts the server and returns its port.
   *
   * @param without - limits that are switched off
   * @param fault - the mistake to make for each connection that ends, undefined for none
   * @param endsServers - whether servers at the path `/ending` are created and ended, one after the other
   */
  start(task: {
    readonly settings: LimitSettings;
    readonly web: WebLimitSettings;
    readonly without: readonly string[];
    readonly fault: FaultName | undefined;
    readonly endsServers?: boolean | undefined;
  }): Promise<number>;
  measure(nothing: null): Promise<Held>;
  /** Waits until nothing is left, at most `patienceMs`. */
  left(patienceMs: number): Promise<Left>;
  /** Counts what the process holds, when nothing is left. */
  count(nothing: null): Promise<Inventory>;
}

/** Calls to the process of the honest clients. */
export interface HonestCalls {
  start(task: { readonly port: number; readonly clients: number }): Promise<void>;
  enter(phase: Phase): Promise<void>;
  stop(nothing: null): Promise<HonestReport>;
}

/** The state of an attack: paused at a height, or over. */
export type AttackStep =
  | { readonly state: 'height'; readonly peers: number; readonly isBusy: boolean }
  | { readonly state: 'over'; readonly report: CrowdReport };

/** Calls to the process of the hostile peers. */
export interface HostileCalls {
  /** Opens and closes well-behaved connections, so that the server has its usual size before it is measured. */
  warmUp(task: WarmUpTask): Promise<void>;
  /** Begins an attack, and resolves at its first height or its end. */
  begin(task: CrowdTask & { readonly name: string }): Promise<AttackStep>;
  /** Continues the attack after a measurement. */
  goOn(nothing: null): Promise<AttackStep>;
}
