import type { FeedEntry, FeedSink } from '../../src/topics/feed.ts';
import type { Position } from '../../src/topics/position.ts';
import type { GapReason } from '../../src/topics/topic-handler.ts';

/** Keeps what a subscription delivers, as short texts. */
export class RecordingFeedSink implements FeedSink {
  readonly session: string | undefined;
  isReady = true;
  readonly heard: string[] = [];
  /** Of the last entry, or of what was told last. */
  position: Position | undefined;
  /** Called with each entry. */
  onData: (data: string) => void = () => {};
  #listeners: (() => void)[] = [];

  constructor(session?: string) {
    this.session = session;
  }

  /** Data of all entries. */
  get data(): string[] {
    return this.heard.filter((text) => text.startsWith('"')).map((text) => text.slice(1, -1));
  }

  becomeReady(): void {
    this.isReady = true;
    const listeners = this.#listeners;
    this.#listeners = [];
    for (const listener of listeners) listener();
  }

  onceReady(callback: () => void): void {
    this.#listeners.push(callback);
  }

  onSubscribed({ state, reason, missed, position }: Parameters<FeedSink['onSubscribed']>[0]): void {
    this.heard.push(`subscribed ${state} ${reason ?? missed}`);
    this.position = position;
  }

  onEntry(entry: FeedEntry, isReplayed: boolean, isState: boolean): void {
    const data = String(entry.data);
    this.heard.push(isState ? `state ${data}` : isReplayed ? `replayed ${data}` : data);
    this.position = entry.position ?? this.position;
    this.onData(data);
  }

  onLive(_position: Position, count: number): void {
    this.heard.push(`live ${count}`);
  }

  onGap(reason: GapReason, position: Position): void {
    this.heard.push(`gap ${reason}`);
    this.position = position;
  }

  onFailed(code: string): void {
    this.heard.push(`failed ${code}`);
  }
}
