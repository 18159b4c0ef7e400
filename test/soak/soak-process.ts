import { setImmediate as nextTurn, setTimeout as sleep } from 'node:timers/promises';
import { timers } from '../../src/base/timers.ts';
import { Pace } from './pace.ts';
import type { Memory, Order, Report } from './process-report.ts';
import type { SideRecord, TalkerOwner } from './talker.ts';

/** How long what is on its way out may take. */
const LEAVING_MS = 5000;
/** What is looked for is not how fast this machine is: deadlines that it could miss when it is busy are long. */
export const PATIENCE = { handshakeTimeoutMs: 300_000, closeTimeoutMs: 300_000, pongTimeoutMs: 300_000 } as const;
const PROGRESS_MS = 500;

/** What the two processes have in common: talk with the runner, counting, the end. To be run with `--expose-gc`. */
export class SoakProcess implements TalkerOwner {
  readonly pace: Pace;
  readonly #resets = new Map<number, () => void>();
  readonly #progress: NodeJS.Timeout;
  readonly #left: string[] = [];
  #messages = 0;
  #bytes = 0;

  /**
   * @param longestPauseMs - between two bursts of a talker
   * @param countOpen - how many connections there are
   */
  constructor(longestPauseMs: number, countOpen: () => number) {
    this.pace = new Pace(longestPauseMs);
    process.on('uncaughtException', (error) => this.#left.push(`uncaught: ${error.stack ?? error.message}`));
    process.on('unhandledRejection', (reason) => this.#left.push(`unhandled: ${String(reason)}`));
    const tell = (): void =>
      this.tell({
        report: 'progress',
        progress: { open: countOpen(), messages: this.#messages, bytes: this.#bytes },
      });
    this.#progress = setInterval(tell, PROGRESS_MS);
  }

  /** Says how the TCP connection of a talker is reset. */
  onReset(id: number, reset: () => void): void {
    this.#resets.set(id, reset);
  }

  tell(report: Report): void {
    process.send?.(report);
  }

  /** @param obey - does what an order means beyond what all processes do */
  listen(obey: (order: Order['order']) => void | Promise<void>): void {
    process.on('message', ({ order }: Order) => {
      if (order === 'hurry') this.pace.hurry();
      if (order === 'measure') void this.#measure();
      void obey(order);
    });
  }

  /** Tells what is left, and lets go of the runner: nothing else may keep this process alive. */
  async end(countOpen: () => number | Promise<number>): Promise<void> {
    clearInterval(this.#progress);
    for (let waitedMs = 0; waitedMs < LEAVING_MS; waitedMs += 50) {
      if ((await countOpen()) === 0 && timers.pendingTicks === 0 && findResources().length === 0) break;
      await sleep(50);
    }
    await nextTurn();
    const open = await countOpen();
    if (open > 0) this.#left.push(`${open} connections`);
    if (timers.pendingTicks > 0) this.#left.push(`${timers.pendingTicks} deadlines`);
    this.#left.push(...findResources());
    this.tell({ report: 'left', left: this.#left });
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
    this.tell({ report: 'record', record });
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

/** Sockets, servers and timers that Node knows of. */
function findResources(): string[] {
  return process.getActiveResourcesInfo().filter((name) => /^(?:TCP|TLS|Timeout)/.test(name));
}
