import { setImmediate as nextTurn, setTimeout as sleep } from 'node:timers/promises';
import { timers } from '../../src/base/timers.ts';
import { takeInventory } from '../helpers/inventory.ts';
import { commitFault, type FaultName } from '../helpers/planted-faults.ts';
import { Pace } from './pace.ts';
import type { Memory, Order, Report } from './process-report.ts';
import type { SideRecord, TalkerOwner } from './talker.ts';

/** Time for connections and timers that are ending. */
const LEAVE_TIMEOUT_MS = 5000;
/** Deadlines that a busy machine does not miss: a soak does not test speed. */
export const LONG_TIMEOUTS = { handshakeTimeoutMs: 300_000, closeTimeoutMs: 300_000, pongTimeoutMs: 300_000 } as const;
const PROGRESS_INTERVAL_MS = 500;

/** The common part of both processes: reports to the runner, counts, and the end. Needs `INVENTORY_OPTIONS`. */
export class SoakProcess implements TalkerOwner {
  readonly pace: Pace;
  readonly #resets = new Map<number, () => void>();
  readonly #progress: NodeJS.Timeout;
  readonly #leftovers: string[] = [];
  readonly #fault: FaultName | undefined;
  #messages = 0;
  #bytes = 0;

  /**
   * @param longestPauseMs - longest pause between two bursts of a talker
   * @param fault - the mistake to make whenever a connection has ended, undefined for none
   * @param countOpen - counts the open connections
   */
  constructor(longestPauseMs: number, fault: FaultName | undefined, countOpen: () => number) {
    this.pace = new Pace(longestPauseMs);
    this.#fault = fault;
    process.on('uncaughtException', (error) => this.#leftovers.push(`uncaught: ${error.stack ?? error.message}`));
    process.on('unhandledRejection', (reason) => this.#leftovers.push(`unhandled: ${String(reason)}`));
    const tell = (): void =>
      this.tell({
        report: 'progress',
        progress: { open: countOpen(), messages: this.#messages, bytes: this.#bytes },
      });
    this.#progress = setInterval(tell, PROGRESS_INTERVAL_MS);
  }

  /** Sets the function that resets the TCP connection of a talker. */
  onReset(id: number, reset: () => void): void {
    this.#resets.set(id, reset);
  }

  tell(report: Report): void {
    process.send?.(report);
  }

  /** @param obey - does what an order demands of this kind of process only */
  listen(obey: (order: Order['order']) => void | Promise<void>): void {
    process.on('message', ({ order }: Order) => {
      if (order === 'hurry') this.pace.hurry();
      if (order === 'measure') void this.#measure();
      if (order === 'count') void this.#count();
      void obey(order);
    });
  }

  /** Reports what is left and disconnects from the runner. After that nothing may keep this process alive. */
  async end(countOpen: () => number | Promise<number>): Promise<void> {
    clearInterval(this.#progress);
    for (let waitedMs = 0; waitedMs < LEAVE_TIMEOUT_MS; waitedMs += 50) {
      if ((await countOpen()) === 0 && timers.pendingTicks === 0 && findResources().length === 0) break;
      await sleep(50);
    }
    await nextTurn();
    const open = await countOpen();
    if (open > 0) this.#leftovers.push(`${open} connections`);
    if (timers.pendingTicks > 0) this.#leftovers.push(`${timers.pendingTicks} deadlines`);
    this.#leftovers.push(...findResources());
    this.tell({ report: 'left', left: this.#leftovers });
    process.disconnect();
  }

  // TalkerOwner

  reset(id: number): void {
    this.#resets.get(id)?.();
  }

  onMessage(length: number): void {
    this.#messages++;
    this.#bytes += length;
  }

  onDone(record: SideRecord): void {
    this.#resets.delete(record.id);
    if (this.#fault !== undefined) commitFault(this.#fault);
    this.tell({ report: 'record', record });
  }

  async #count(): Promise<void> {
    for (let waitedMs = 0; waitedMs < LEAVE_TIMEOUT_MS && !isQuiet(); waitedMs += 10) await sleep(10);
    this.tell({ report: 'inventory', inventory: await takeInventory() });
  }

  async #measure(): Promise<void> {
    for (let i = 0; i < 2; i++) {
      globalThis.gc?.();
      await sleep(10);
    }
    const { heapUsed, external, rss } = process.memoryUsage();
    const memory: Memory = { usedBytes: heapUsed + external, rssBytes: rss };
    this.tell({ report: 'memory', memory });
  }
}

/** Whether no socket is open and no deadline set. */
function isQuiet(): boolean {
  return timers.pendingTicks === 0 && !process.getActiveResourcesInfo().includes('TCPSocketWrap');
}

/** Lists the sockets, servers and timers that keep this process alive. */
function findResources(): string[] {
  return process.getActiveResourcesInfo().filter((name) => /^(?:TCP|TLS|Timeout)/.test(name));
}
