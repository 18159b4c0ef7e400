import type { SideRecord } from './talker.ts';

/** What the runner asks of its two processes. */
export type Order =
  /** Run no slower than you can, and open no new connections. */
  | { readonly order: 'hurry' }
  /** Collect garbage and tell what memory is in use. */
  | { readonly order: 'measure' }
  /** End, by letting go of all that keeps you alive. Tell first what is left. */
  | { readonly order: 'end' };

/** What the processes tell the runner. */
export type Report =
  /** It has begun. The server names its ports: the one for all, and the one where it can reset. */
  | { readonly report: 'ready'; readonly ports: readonly number[] }
  | { readonly report: 'record'; readonly record: SideRecord }
  | { readonly report: 'progress'; readonly progress: Progress }
  | { readonly report: 'memory'; readonly memory: Memory }
  /** The last connection is over. */
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
