import type { Inventory } from '../helpers/inventory.ts';
import type { SideRecord } from './talker.ts';

/** An order of the runner to its two processes. */
export type Order =
  /** Stop pausing and open no new connections. */
  | { readonly order: 'hurry' }
  /** Collect garbage and report the memory in use. */
  | { readonly order: 'measure' }
  /** Open a round of connections that end by themselves. For the client. */
  | { readonly order: 'round' }
  /** Wait until no connection is left, then count what the process holds. */
  | { readonly order: 'count' }
  /** Report what is left, then end by releasing everything that keeps the process alive. */
  | { readonly order: 'end' };

/** A report of a process to the runner. */
export type Report =
  /** The process has started. The server adds its ports: the one for all clients, and the one where it can reset. */
  | { readonly report: 'ready'; readonly ports: readonly number[] }
  | { readonly report: 'record'; readonly record: SideRecord }
  | { readonly report: 'progress'; readonly progress: Progress }
  | { readonly report: 'memory'; readonly memory: Memory }
  | { readonly report: 'inventory'; readonly inventory: Inventory }
  /** The last connection of the load, or of a round, has ended. */
  | { readonly report: 'idle' }
  | { readonly report: 'left'; readonly left: readonly string[] };

export interface Progress {
  readonly open: number;
  readonly messages: number;
  readonly bytes: number;
}

export interface Memory {
  /** Bytes in use after a garbage collection, in the heap and outside of it. */
  readonly usedBytes: number;
  readonly rssBytes: number;
}
