import type { Clock } from '../../src/base/clock.ts';
import {
  type Append,
  type Appended,
  type Broker,
  BrokerError,
  type BrokerSink,
  type Entry,
  type NodeInfo,
  type ReadQuery,
  type Slice,
} from '../../src/topics/broker.ts';
import { MemoryLogs } from '../../src/topics/memory-logs.ts';

/** What goes wrong by chance, as shares from 0 to 1, and how long things take. Change it at any time. */
export interface Faults {
  /** Announcements that never come. */
  drop: number;
  /** Announcements that come twice. */
  double: number;
  /** Announcements that come later than those behind them. */
  reorder: number;
  /** Batches of appends that are answered `down` from some entry on: not done from there on. */
  refuse: number;
  /** Batches of appends that are answered `unknown`; half of them have been done. */
  loseAnswer: number;
  /** Reads, watches and renewals that fail. */
  failRead: number;
  /** Longest time of each way: a question, an answer, an announcement. */
  delayMs: number;
}

export const NO_FAULTS: Readonly<Faults> = {
  drop: 0,
  double: 0,
  reorder: 0,
  refuse: 0,
  loseAnswer: 0,
  failRead: 0,
  delayMs: 0,
};

/** An entry as the log has it. */
export interface Stored {
  readonly append: Append;
  readonly epoch: string;
  readonly offset: number;
  readonly tag: number;
  readonly monotonicMs: number;
  readonly wallMs: number;
}

export interface FaultyLogsSettings {
  /** From 0 to 1: the same numbers make the same faults. */
  readonly random: () => number;
  readonly clock: Pick<Clock, 'monotonicMs' | 'wallMs'>;
  /** Calls back after some time, in the order of the due times. Never at once. */
  readonly schedule: (delayMs: number, callback: () => void) => void;
  readonly faults?: Partial<Faults>;
  /** Whether an append that was `unknown` may be given again. Default false. */
  readonly isFenced?: boolean;
}

/** Logs of memory behind a bad network: what several nodes share in the simulation. */
export class FaultyLogs {
  readonly faults: Faults;
  readonly #settings: FaultyLogsSettings;
  readonly #brokers = new Set<FaultyBroker>();
  #stored: Stored[] = [];
  #logs: MemoryLogs;
  #epochBits: readonly [number, number];
  /** The entry that is stored once more, while a log is built again. */
  #replayed: Stored | undefined;
  #isDown = false;
  #paused: (() => void)[] | undefined;

  constructor(settings: FaultyLogsSettings) {
    this.#settings = settings;
    this.faults = { ...NO_FAULTS, ...settings.faults };
    this.#epochBits = [this.#bits(), this.#bits()];
    this.#logs = this.#create();
  }

  /** All entries that the logs have had since they began, in order; those that a failover lost are not among them. */
  get stored(): readonly Stored[] {
    return this.#stored;
  }

  get logs(): MemoryLogs {
    return this.#logs;
  }

  get isDown(): boolean {
    return this.#isDown;
  }

  /** Makes one more broker, which is not open. */
  connect(): FaultyBroker {
    return new FaultyBroker(this, this.#settings);
  }

  /** Ends the broker with all that it has; it is back, with nothing, after so long. */
  kill(downMs: number): void {
    this.#stored = [];
    this.#epochBits = [this.#bits(), this.#bits()];
    this.#replace(downMs);
  }

  /** Has another server take over, which lacks the newest so many entries. */
  failOver(lostEntries: number, downMs: number): void {
    this.#stored.length = Math.max(0, this.#stored.length - lostEntries);
    this.#replace(downMs);
  }

  /** Loses all connections, and nothing else. */
  disconnect(downMs: number): void {
    this.#isDown = true;
    for (const broker of this.#brokers) broker.onDown();
    this.#settings.schedule(downMs, () => {
      this.#isDown = false;
      for (const broker of this.#brokers) broker.onUp();
    });
  }

  /** Has the broker do nothing for so long, as SIGSTOP does; then it does all that it was asked to. */
  pause(milliseconds: number): void {
    if (this.#paused !== undefined) return;
    this.#paused = [];
    this.#settings.schedule(milliseconds, () => {
      const waiting = this.#paused ?? [];
      this.#paused = undefined;
      for (const work of waiting) work();
    });
  }

  // for brokers

  add(broker: FaultyBroker): void {
    this.#brokers.add(broker);
  }

  remove(broker: FaultyBroker): void {
    this.#brokers.delete(broker);
  }

  /** Does something at once, or when the pause is over. */
  whenRunning(work: () => void): void {
    if (this.#paused === undefined) work();
    else this.#paused.push(work);
  }

  /** Whether an append is in the logs: a failover may have lost it. */
  hasStored(append: Append): boolean {
    return this.#stored.some((stored) => stored.append === append);
  }

  append(append: Append): Appended | BrokerError {
    const answer = this.#logs.append(append);
    if (!(answer instanceof BrokerError) && !answer.isDuplicate && !answer.isSkipped && answer.offset > 0) {
      const { clock } = this.#settings;
      const { epoch, offset, tag } = answer;
      this.#stored.push({ append, epoch, offset, tag, monotonicMs: clock.monotonicMs(), wallMs: clock.wallMs() });
    }
    return answer;
  }

  isFaulty(fault: Exclude<keyof Faults, 'delayMs'>): boolean {
    return this.#settings.random() < this.faults[fault];
  }

  #replace(downMs: number): void {
    this.#logs = this.#create();
    for (const stored of this.#stored) {
      this.#replayed = stored;
      this.#logs.append(stored.append);
    }
    this.#replayed = undefined;
    this.disconnect(downMs);
    for (const broker of this.#brokers) broker.onNewLogs();
  }

  #create(): MemoryLogs {
    const epochBits = [...this.#epochBits];
    const { clock } = this.#settings;
    return new MemoryLogs({
      random: () => epochBits.shift() ?? this.#replayed?.tag ?? this.#bits(),
      clock: {
        monotonicMs: () => this.#replayed?.monotonicMs ?? clock.monotonicMs(),
        wallMs: () => this.#replayed?.wallMs ?? clock.wallMs(),
      },
    });
  }

  #bits(): number {
    return Math.floor(this.#settings.random() * 2 ** 32);
  }
}

/** The broker of one node. */
export class FaultyBroker implements Broker {
  readonly #logs: FaultyLogs;
  readonly #settings: FaultyLogsSettings;
  readonly isFenced: boolean;
  readonly #watched = new Set<string>();
  /** Appends that were answered `unknown`. */
  readonly #doubtful = new WeakSet<Append>();
  #sink: BrokerSink | undefined;
  #memory: Broker | undefined;
  #isCut = false;
  #isClosed = false;
  /** Rises with each lost connection: what was asked before is answered `unknown`. */
  #connection = 0;
  /** When the last append arrives: the next one is never sooner. */
  #lastAppendMs = 0;

  constructor(logs: FaultyLogs, settings: FaultyLogsSettings) {
    this.#logs = logs;
    this.#settings = settings;
    this.isFenced = settings.isFenced ?? false;
  }

  /** Separates this node from the broker, for so long. */
  cut(milliseconds: number): void {
    this.#isCut = true;
    this.onDown();
    this.#settings.schedule(milliseconds, () => {
      this.#isCut = false;
      this.onUp();
    });
  }

  // Broker

  async open(sink: BrokerSink): Promise<void> {
    await this.#ask(() => {
      this.#sink = sink;
      this.#logs.add(this);
      this.onNewLogs();
    });
  }

  async append(batch: readonly Append[]): Promise<readonly (Appended | BrokerError)[]> {
    try {
      return await this.#appendAll(batch);
    } catch (thrown) {
      const isUnknown = thrown instanceof BrokerError && thrown.code === 'unknown';
      if (!this.isFenced) throw thrown;
      if (isUnknown) for (const append of batch) this.#doubtful.add(append);
      return batch.map((append) =>
        this.#doubtful.has(append) ? new BrokerError('unknown', 'nobody knows yet') : (thrown as BrokerError),
      );
    }
  }

  read(queries: readonly ReadQuery[]): Promise<readonly Slice[]> {
    return this.#ask(() => queries.map((query) => this.#logs.logs.read(query)));
  }

  watch(topics: readonly string[]): Promise<void> {
    return this.#ask(() => {
      for (const topic of topics) this.#watched.add(topic);
      void this.#memory?.watch(topics);
    });
  }

  unwatch(topics: readonly string[]): void {
    for (const topic of topics) this.#watched.delete(topic);
    this.#memory?.unwatch(topics);
  }

  renew(node: NodeInfo, ttlMs: number): Promise<readonly NodeInfo[]> {
    return this.#ask(() => this.#logs.logs.renew(node, ttlMs));
  }

  async close(): Promise<void> {
    this.#sink = undefined;
    this.#isClosed = true;
    this.#connection++;
    this.#logs.remove(this);
    await this.#memory?.close();
  }

  // for the logs

  onDown(): void {
    this.#connection++;
    this.#sink?.onState('down');
  }

  onUp(): void {
    if (this.#isAway) return;
    this.#sink?.onState('up');
    this.#sink?.onDoubt('all');
  }

  /** Goes on with other logs: watches what was watched. */
  onNewLogs(): void {
    void this.#memory?.close();
    this.#memory = this.#logs.logs.connect();
    void this.#memory.open({
      onEntry: (topic, epoch, entry) => this.#announce(topic, epoch, entry),
      onDoubt: (topics) => this.#sink?.onDoubt(topics),
      onState: () => {},
    });
    void this.#memory.watch([...this.#watched]);
  }

  get #isAway(): boolean {
    return this.#isCut || this.#isClosed || this.#logs.isDown;
  }

  #announce(topic: string, epoch: string, entry: Entry): void {
    const copies = this.#logs.isFaulty('drop') ? 0 : this.#logs.isFaulty('double') ? 2 : 1;
    for (let i = 0; i < copies; i++) {
      const delayMs = this.#logs.isFaulty('reorder') ? 4 * this.#delay() : this.#logs.faults.delayMs / 2;
      const connection = this.#connection;
      this.#settings.schedule(delayMs, () =>
        this.#logs.whenRunning(() => {
          const isLost = this.#isAway || connection !== this.#connection;
          if (!isLost && this.#watched.has(topic)) this.#sink?.onEntry(topic, epoch, entry);
        }),
      );
    }
  }

  #ask<T>(work: () => T): Promise<T> {
    if (this.#logs.isFaulty('failRead')) return Promise.reject(new BrokerError('down', 'refused by chance'));
    return this.#roundTrip(this.#delay(), work);
  }

  async #appendAll(batch: readonly Append[]): Promise<readonly (Appended | BrokerError)[]> {
    const isLost = this.#logs.isFaulty('loseAnswer');
    const isDone = !isLost || this.#settings.random() < 0.5;
    const doneCount = this.#logs.isFaulty('refuse') ? Math.floor(this.#settings.random() * batch.length) : Infinity;
    const { clock } = this.#settings;
    const nowMs = clock.monotonicMs();
    this.#lastAppendMs = Math.max(this.#lastAppendMs, nowMs + this.#delay());
    const answers = await this.#roundTrip(this.#lastAppendMs - nowMs, () => {
      if (!isDone) return [];
      return batch.map((append, i) => this.#appendOne(append, i < doneCount));
    });
    if (isLost) throw new BrokerError('unknown', 'the answer was lost by chance');
    return answers;
  }

  #appendOne(append: Append, isAllowed: boolean): Appended | BrokerError {
    // The fence tells what is stored of earlier attempts, and an idempotency key tells where.
    const isGivenAgain = this.#doubtful.delete(append) && append.idempotencyKey === undefined;
    if (isGivenAgain && this.#logs.hasStored(append)) return { epoch: '', offset: 0, tag: 0, isDuplicate: false };
    return isAllowed ? this.#logs.append(append) : new BrokerError('down', 'refused by chance');
  }

  /** Does something at the broker after a way there, and answers after a way back. */
  async #roundTrip<T>(delayMs: number, work: () => T): Promise<T> {
    const connection = this.#connection;
    if (this.#isAway) throw new BrokerError('down', 'the broker is away');
    await this.#pass(delayMs);
    await new Promise<void>((resolve) => this.#logs.whenRunning(resolve));
    if (this.#isAway || connection !== this.#connection) throw new BrokerError('down', 'the connection is lost');
    const answer = work();
    await this.#pass(this.#delay());
    if (connection !== this.#connection) throw new BrokerError('unknown', 'the connection is lost');
    return answer;
  }

  #pass(delayMs: number): Promise<void> {
    return new Promise((resolve) => this.#settings.schedule(delayMs, resolve));
  }

  #delay(): number {
    return this.#settings.random() * this.#logs.faults.delayMs;
  }
}
