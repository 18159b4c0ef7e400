import type { Entry, Place } from './broker.ts';
import type { ParsedPosition } from './position.ts';
import type { Since } from './topic-handler.ts';

/** What a subscription needs until everything that was missed or asked for has been delivered. */
export interface Start {
  readonly since: Since;
  /** Whether onSubscribed has been called. */
  isTold: boolean;
  count: number;
  /**
   * The state, of which this many entries have been delivered: as the broker gave it, which shares it among all who ask.
   * Whoever does not read would hold a copy of everything else.
   */
  state: readonly Entry[] | undefined;
  stateIndex: number;
}

/** The place of a subscription that is not live: of the last entry that it got, or does not need. */
export class Cursor implements ParsedPosition {
  /** Empty while the place is not known. */
  epoch = '';
  offset = 0;
  tag = 0;
  /** Whether the ring has been brought up to date since the place was set. */
  isRefreshed = false;
  /** Undefined when everything that was missed or asked for has been delivered once. */
  start: Start | undefined;

  constructor(start: Start | undefined) {
    this.start = start;
  }

  moveTo(epoch: string, { offset, tag }: Place): void {
    this.epoch = epoch;
    this.offset = offset;
    this.tag = tag;
    this.isRefreshed = false;
  }
}
