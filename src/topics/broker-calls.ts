import { Queue } from '../base/queue.ts';
import { type Deadline, timers } from '../base/timers.ts';
import { BrokerError, type ReadQuery, type Slice } from './broker.ts';
import type { TopicStats } from './topic-stats.ts';

const FIRST_PAUSE_MS = 250;
const LONGEST_PAUSE_MS = 5000;
/** How long who asks once waits for a broker that is away, or does not answer. */
const PATIENCE_MS = 10_000;

/** Something to be asked of the broker until it answers. */
interface Call {
  readonly start: () => Promise<unknown>;
  readonly onDone: (value: never) => void;
  /** Hears of an error that asking again would not help, or of any error of a call that is not repeated. */
  readonly onRefused: (error: unknown) => void;
  readonly isRepeated: boolean;
}

/** Who waits for the answer to a question. */
interface Asker {
  readonly onSlice: (slice: Slice) => void;
  readonly onRefused: (code: string, message: string) => void;
}

/**
 * The questions of one process to its broker: so many are under way at most, the others wait in order of arrival. A
 * question that failed because the broker is away is asked again, after a pause, or when the broker is back.
 */
export class BrokerCalls {
  readonly #limit: number;
  readonly #stats: TopicStats;
  readonly #read: (queries: readonly ReadQuery[]) => Promise<readonly Slice[]>;
  /** Calls that failed go to the end. */
  readonly #waiting = new Queue<Call>();
  readonly #asked = new Map<string, Asker[]>();
  #underWay = 0;
  #failures = 0;
  /** True from a failure until the pause is over, and before the broker is open. */
  #isPaused = true;
  #ticket = 0;
  #isClosed = false;

  constructor(limit: number, stats: TopicStats, read: (queries: readonly ReadQuery[]) => Promise<readonly Slice[]>) {
    this.#limit = limit;
    this.#stats = stats;
    this.#read = read;
  }

  /** Starts a call, now or later, until it succeeds. */
  run<T>(start: () => Promise<T>, onDone: (value: T) => void, onRefused: Call['onRefused'], isRepeated = true): void {
    const call = { start, onDone, onRefused, isRepeated };
    if (this.#isClosed) this.#dropCall(call);
    else this.#waiting.push(call);
    this.#startNext();
  }

  /** Asks for several topics in one call. */
  readAll(queries: readonly ReadQuery[], onSlices: (slices: readonly Slice[]) => void): void {
    this.run(
      () => {
        this.#stats.reads += queries.length;
        return this.#read(queries);
      },
      onSlices,
      () => {},
    );
  }

  /** Asks once. Rejects with the error of the broker, or when no answer has come within {@link PATIENCE_MS}. */
  async readOnce(query: ReadQuery): Promise<Slice> {
    let ticket = 0;
    let isOver = false;
    const late = new BrokerError('down', `no answer within ${PATIENCE_MS} ms`);
    const patience: Deadline = { onDeadline: () => {} };
    try {
      return await new Promise<Slice>((resolve, reject) => {
        patience.onDeadline = () => reject(late);
        ticket = timers.schedule(patience, PATIENCE_MS);
        // A broker that comes back late is not asked what nobody wants to know any more.
        this.run(() => (isOver ? Promise.reject(late) : this.#readOne(query)), resolve, reject, false);
      });
    } finally {
      isOver = true;
      timers.cancel(patience, ticket);
    }
  }

  /** Asks for one topic. The same question, while it waits or is under way, is asked once. */
  readShared(
    query: ReadQuery,
    onSlice: (slice: Slice) => void,
    onRefused: (code: string, message: string) => void,
  ): void {
    const key = JSON.stringify(query);
    const asker = { onSlice, onRefused };
    const askers = this.#asked.get(key);
    if (askers !== undefined) {
      askers.push(asker);
      this.#stats.singleFlightHits++;
      return;
    }
    this.#asked.set(key, [asker]);
    this.run(
      () => this.#readOne(query),
      (slice) => {
        for (const each of this.#take(key)) each.onSlice(slice);
      },
      (error) => {
        const { code, message } = error as BrokerError;
        for (const each of this.#take(key)) each.onRefused(code, message);
      },
    );
  }

  /** The broker is back: asks again at once. */
  onUp(): void {
    this.#failures = 0;
    this.#resume();
  }

  /** Ends everything: only those who ask once hear of it. */
  close(): void {
    this.#isClosed = true;
    for (let call = this.#waiting.shift(); call !== undefined; call = this.#waiting.shift()) this.#dropCall(call);
    this.#asked.clear();
    timers.cancel(this, this.#ticket);
  }

  onDeadline(): void {
    this.#resume();
  }

  #take(key: string): readonly Asker[] {
    const askers = this.#asked.get(key) ?? [];
    this.#asked.delete(key);
    return askers;
  }

  async #readOne(query: ReadQuery): Promise<Slice> {
    this.#stats.reads++;
    const [slice] = await this.#read([query]);
    if (slice === undefined) throw new BrokerError('unknown', 'the broker gave no answer');
    return slice;
  }

  #startNext(): void {
    while (!this.#isPaused && !this.#isClosed && this.#underWay < this.#limit) {
      const call = this.#waiting.shift();
      if (call === undefined) return;
      this.#underWay++;
      void this.#follow(call);
    }
  }

  async #follow(call: Call): Promise<void> {
    let value: unknown;
    try {
      value = await call.start();
    } catch (thrown) {
      this.#underWay--;
      if (this.#isClosed) this.#dropCall(call);
      else this.#onFailed(call, thrown);
      return;
    }
    this.#underWay--;
    if (this.#isClosed) {
      this.#dropCall(call);
      return;
    }
    this.#failures = 0;
    call.onDone(value as never);
    this.#startNext();
  }

  #onFailed(call: Call, thrown: unknown): void {
    const isFinal = thrown instanceof BrokerError && (thrown.code === 'unsupported' || thrown.code === 'full');
    if (isFinal || !call.isRepeated) {
      call.onRefused(thrown);
      this.#startNext();
      return;
    }
    this.#waiting.push(call);
    if (this.#isPaused) return;
    this.#isPaused = true;
    const pauseMs = Math.min(FIRST_PAUSE_MS * 2 ** this.#failures++, LONGEST_PAUSE_MS);
    this.#ticket = timers.schedule(this, pauseMs);
  }

  #dropCall({ isRepeated, onRefused }: Call): void {
    if (!isRepeated) onRefused(new BrokerError('down', 'the server has ended'));
  }

  #resume(): void {
    if (!this.#isPaused) return;
    timers.cancel(this, this.#ticket);
    this.#isPaused = false;
    this.#startNext();
  }
}
