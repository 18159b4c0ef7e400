import type { Mark, Sighting, SubscriberRecord } from './records.ts';
import { sharedMs } from './records.ts';

/** A member as one subscriber saw it come or go; `list`: all members at once. */
export interface PresenceSighting {
  readonly kind: 'join' | 'leave' | 'list';
  readonly users: readonly string[];
  readonly atMs: number;
}

/** What a subscriber measured. */
export interface SubscriberFigures {
  /** From the loss of its connection, or the begin of a new attempt, until it was live again, in milliseconds. */
  readonly backMs: readonly number[];
  readonly recovered: number;
  readonly ended: string | undefined;
}

/** All that one subscriber tells the runner. */
export interface SubscriberReport extends SubscriberRecord, SubscriberFigures {
  readonly members: readonly PresenceSighting[];
}

/** Notes what one subscriber of a topic sees, whatever library it uses. */
export class SubscriberLog {
  readonly name: string;
  readonly topic: string;
  readonly members: PresenceSighting[] = [];
  readonly #seen: Sighting[] = [];
  readonly #backMs: number[] = [];
  readonly #ids = new Set<number>();
  readonly #waiting = new Map<number, () => void>();
  #recovered = 0;
  #lostMs: number | undefined;
  #ended: string | undefined;

  constructor(name: string, topic: string) {
    this.name = name;
    this.topic = topic;
  }

  /** Whether the subscription has begun, and has not failed. */
  get isOn(): boolean {
    return this.#seen.length > 0 && this.#ended === undefined;
  }

  onMessage(id: number): void {
    this.#seen.push(id);
    this.#ids.add(id);
    this.#waiting.get(id)?.();
  }

  onBegun(): void {
    this.#mark('new');
  }

  onGap(reason: string): void {
    this.#mark('gap', reason);
  }

  onRecovered(): void {
    this.#recovered++;
  }

  /** The connection is lost. */
  onLost(): void {
    this.#lostMs ??= sharedMs();
  }

  /** The subscriber has everything that it missed. */
  onLive(): void {
    if (this.#lostMs === undefined) return;
    this.#backMs.push(sharedMs() - this.#lostMs);
    this.#lostMs = undefined;
  }

  onEnded(why: string): void {
    this.#ended = why;
  }

  onMembers(kind: PresenceSighting['kind'], users: readonly string[]): void {
    this.members.push({ kind, users, atMs: sharedMs() });
  }

  /** Resolves when a message has come. */
  async once(id: number): Promise<void> {
    if (this.#ids.has(id)) return;
    await new Promise<void>((resolve) => {
      this.#waiting.set(id, resolve);
    });
    this.#waiting.delete(id);
  }

  /** What has been seen since the last time. From now on the subscriber counts as new. */
  takeReport(): SubscriberReport {
    const { name, topic } = this;
    const figures = { backMs: this.#backMs.splice(0), recovered: this.#recovered, ended: this.#ended };
    const report = { name, topic, members: this.members.splice(0), seen: this.#seen.splice(0), isKilled: false };
    this.#ids.clear();
    this.#mark('new');
    return { ...report, ...figures };
  }

  #mark(mark: Mark['mark'], reason?: string): void {
    this.#seen.push({ mark, reason, atMs: sharedMs() });
  }
}
