import { setImmediate } from '../base/clock.ts';
import { runInOwnContext } from '../base/own-context.ts';
import { Queue } from '../base/queue.ts';
import { type Deadline, timers } from '../base/timers.ts';
import { FourDError } from '../errors.ts';
import { type Append, type Appended, type Broker, BrokerError } from './broker.ts';

/** How often messages are looked for that have waited for too long. */
const CHECK_MS = 250;

/** Pause before a message that the broker has not carried out is sent again. */
const FIRST_PAUSE_MS = 50;
const LONGEST_PAUSE_MS = 1000;

/** How much may wait for a broker, and how long. */
export interface OutboxLimits {
  /** Messages that wait or are in flight. */
  readonly messages: number;
  /** Bytes of these messages. */
  readonly bytes: number;
  readonly waitMs: number;
  readonly inFlight: number;
}

export const OUTBOX_LIMITS: OutboxLimits = {
  messages: 10_000,
  bytes: 16 * 1024 * 1024,
  waitMs: 10_000,
  inFlight: 256,
};

/** A publication that is not answered yet. */
interface Message {
  readonly append: Append;
  readonly dueMs: number;
  readonly resolve: (appended: Appended) => void;
  readonly reject: (error: FourDError) => void;
  /** True when the broker was asked and nobody knows whether it stored it. */
  isMaybeStored: boolean;
  /** True when the publisher has its answer. */
  isOver: boolean;
  /** See `Publication`. */
  readonly series: object | undefined;
  /** True when one in front of it in its series was given up: it is not sent again. */
  isBroken: boolean;
}

/** The publications to one topic. */
interface TopicQueue {
  readonly name: string;
  readonly waiting: Queue<Message>;
  /** True while a batch with messages of the topic is in flight. */
  isBusy: boolean;
}

/**
 * Sends publications to a broker: first in, first out, in one batch for each turn of the event loop, and waits for a broker
 * that is away.
 *
 * @remarks Messages of a topic wait while others of the same topic are in flight, so that none overtakes one that must be
 * sent again. What the broker has not carried out is sent again. Where nobody knows, a broker with a fence is given the
 * message again; of another one only a message with an idempotency key is sent again: the others would be stored twice.
 */
export class Outbox implements Deadline {
  readonly #broker: Pick<Broker, 'append' | 'isFenced'>;
  readonly #limits: OutboxLimits;
  readonly #topics = new Map<string, TopicQueue>();
  /** Topics with messages that may be sent, in the order in which these came. */
  readonly #ready = new Queue<TopicQueue>();
  /** Topics that wait for the pause to end: the part of the broker that has them may be away, and others not. */
  #delayed: TopicQueue[] = [];
  readonly #inFlight = new Set<Message>();
  #messages = 0;
  #bytes = 0;
  #isUp = false;
  #isClosed = false;
  #isFlushing = false;
  #failures = 0;
  #pause: Deadline | undefined;
  #pauseTicket = 0;
  #ticket: number | undefined;
  #onEmpty: (() => void)[] = [];

  /** The broker counts as away until {@link onState} says otherwise. */
  constructor(broker: Pick<Broker, 'append' | 'isFenced'>, limits: OutboxLimits = OUTBOX_LIMITS) {
    this.#broker = broker;
    this.#limits = limits;
  }

  /** Messages that the broker has not answered. */
  get waiting(): number {
    return this.#messages;
  }

  /**
   * Resolves when the broker has stored the entry. A volatile entry does not wait for a broker that is away.
   *
   * @param series - see `Publication`
   * @throws FourDError `ERR_OUTBOX_FULL`, `ERR_BROKER_DOWN`, `ERR_BROKER_FULL` or `ERR_BROKER_UNSUPPORTED`; `stored` says
   *   whether the entry may have been stored all the same
   */
  append(append: Append, series?: object): Promise<Appended> {
    return new Promise((resolve, reject) => {
      if (this.#isClosed) throw downError('no', new BrokerError('down', 'the server has ended'));
      if (isVolatile(append) && !this.#isUp) throw downError('no', new BrokerError('down', 'it is volatile'));
      this.#checkRoom(append);
      // The wheel goes on counting while a deadline is set: the due time needs it.
      this.#ticket ??= timers.schedule(this, CHECK_MS);
      this.#messages++;
      this.#bytes += append.bytes.length;
      const dueMs = timers.nowMs + this.#limits.waitMs;
      const state = { isMaybeStored: false, isOver: false, isBroken: false };
      this.#enqueue({ append, dueMs, resolve, reject, series, ...state });
    });
  }

  /** Hears from the broker's sink whether the broker is there. */
  onState(state: 'up' | 'down'): void {
    this.#isUp = state === 'up';
    if (this.#isUp) this.#resume();
  }

  /** Resolves when no message waits. */
  async onceEmpty(): Promise<void> {
    if (this.#messages === 0) return;
    await new Promise<void>((resolve) => {
      this.#onEmpty.push(resolve);
    });
  }

  /** Gives up all messages that wait. */
  close(): void {
    this.#isClosed = true;
    if (this.#ticket !== undefined) timers.cancel(this, this.#ticket);
    this.#cancelPause();
    this.#giveUp(Infinity, new BrokerError('down', 'the server has ended'));
  }

  // Deadline

  onDeadline(): void {
    this.#giveUp(timers.nowMs, new BrokerError('down', `no answer within ${this.#limits.waitMs} ms`));
    this.#ticket = this.#messages > 0 ? timers.schedule(this, CHECK_MS) : undefined;
  }

  #checkRoom({ bytes }: Append): void {
    const { messages: maxMessages, bytes: maxBytes } = this.#limits;
    const hasRoom = this.#messages < maxMessages && this.#bytes + bytes.length <= maxBytes;
    if (hasRoom) return;
    const figures = `${this.#messages} messages, ${this.#bytes} bytes (limits ${maxMessages}, ${maxBytes})`;
    throw new FourDError('ERR_OUTBOX_FULL', `too much waits for the broker of the topics: ${figures}`, {
      componentSignature: 'HTTP',
      stored: 'no',
    });
  }

  #enqueue(message: Message): void {
    const name = message.append.topic;
    let topic = this.#topics.get(name);
    if (topic === undefined) {
      topic = { name, waiting: new Queue(), isBusy: false };
      this.#topics.set(name, topic);
      this.#ready.push(topic);
    }
    topic.waiting.push(message);
    this.#flushSoon();
  }

  /** Sends what waits in a later turn, so that all publications of a turn go together. */
  #flushSoon(): void {
    if (this.#isFlushing || !this.#isUp) return;
    this.#isFlushing = true;
    runInOwnContext(() =>
      setImmediate(() => {
        this.#isFlushing = false;
        this.#flush();
      }),
    );
  }

  #flush(): void {
    if (!this.#isUp) return;
    const batch: Message[] = [];
    for (let topic = this.#takeIfRoom(this.#ready); topic !== undefined; topic = this.#takeIfRoom(this.#ready)) {
      topic.isBusy = true;
      const { waiting } = topic;
      for (let message = this.#takeIfRoom(waiting); message !== undefined; message = this.#takeIfRoom(waiting)) {
        this.#inFlight.add(message);
        batch.push(message);
      }
    }
    if (batch.length > 0) void this.#send(batch);
  }

  #takeIfRoom<T>(queue: Queue<T>): T | undefined {
    return this.#inFlight.size < this.#limits.inFlight ? queue.shift() : undefined;
  }

  async #send(batch: readonly Message[]): Promise<void> {
    let outcomes: readonly (Appended | BrokerError)[];
    try {
      outcomes = await this.#broker.append(batch.map(({ append }) => append));
    } catch (thrown) {
      const error = thrown instanceof BrokerError ? thrown : new BrokerError('unknown', String(thrown));
      outcomes = batch.map(() => error);
    }
    const again = batch.filter((message, i) => !this.#settle(message, outcomes[i]));
    for (const message of again.toReversed()) this.#topics.get(message.append.topic)?.waiting.unshift(message);
    const troubled = new Set<string>();
    for (const [i, { append }] of batch.entries()) if (isTrouble(outcomes[i])) troubled.add(append.topic);
    for (const { append } of batch) this.#release(append.topic, troubled.has(append.topic));
    if (this.#delayed.length > 0) this.#startPause();
    else this.#failures = 0;
    if (this.#ready.length > 0) this.#flushSoon();
  }

  /** Tells the publisher the outcome; returns false when the message must be sent again. */
  #settle(message: Message, outcome: Appended | BrokerError | undefined): boolean {
    this.#inFlight.delete(message);
    if (message.isOver) return true;
    if (outcome !== undefined && !(outcome instanceof BrokerError)) {
      this.#end(message);
      message.resolve(outcome);
      return true;
    }
    const error = outcome ?? new BrokerError('unknown', 'the broker gave no answer for it');
    const { isFenced = false } = this.#broker;
    // Behind a fence every other answer says that no attempt was carried out.
    message.isMaybeStored = error.code === 'unknown' || (message.isMaybeStored && !isFenced);
    const isRefused = error.code === 'full' || error.code === 'unsupported';
    const isSafe = !message.isMaybeStored || isFenced || message.append.idempotencyKey !== undefined;
    if (!isRefused && isSafe && !isVolatile(message.append) && !message.isBroken) return false;
    this.#end(message);
    message.reject(isRefused ? refusedError(error) : downError(message.isMaybeStored ? 'unknown' : 'no', error));
    return true;
  }

  /** Lets the next messages of a topic go, after a batch: at once, or when the pause is over. */
  #release(name: string, isDelayed: boolean): void {
    const topic = this.#topics.get(name);
    if (topic === undefined || !topic.isBusy) return;
    topic.isBusy = false;
    if (topic.waiting.length === 0) this.#topics.delete(name);
    else if (isDelayed) this.#delayed.push(topic);
    else this.#ready.push(topic);
  }

  /** Gives up what is due, that is what waits or is in flight, and what waits behind it in the same series. */
  #giveUp(nowMs: number, cause: BrokerError): void {
    const broken = new Map<string, Set<object>>();
    const giveUp = (message: Message, stored: 'no' | 'unknown'): void => {
      const { append, series } = message;
      if (series !== undefined) broken.set(append.topic, (broken.get(append.topic) ?? new Set()).add(series));
      this.#end(message);
      message.reject(downError(stored, cause));
    };
    const isBroken = ({ append, series }: Message): boolean =>
      series !== undefined && broken.get(append.topic)?.has(series) === true;
    for (const message of this.#inFlight) {
      if (message.isOver) continue;
      if (message.dueMs <= nowMs) giveUp(message, 'unknown');
      else message.isBroken ||= isBroken(message);
    }
    for (const topic of this.#topics.values()) {
      for (let count = topic.waiting.length; count > 0; count--) {
        const message = topic.waiting.shift() as Message;
        if (message.dueMs > nowMs && !isBroken(message)) topic.waiting.push(message);
        else giveUp(message, message.isMaybeStored ? 'unknown' : 'no');
      }
      if (topic.waiting.length === 0 && !topic.isBusy) this.#topics.delete(topic.name);
    }
  }

  #end(message: Message): void {
    message.isOver = true;
    this.#messages--;
    this.#bytes -= message.append.bytes.length;
    if (this.#messages > 0) return;
    for (const resolve of this.#onEmpty) resolve();
    this.#onEmpty = [];
  }

  #startPause(): void {
    if (this.#pause !== undefined || this.#isClosed) return;
    const pauseMs = Math.min(FIRST_PAUSE_MS * 2 ** this.#failures++, LONGEST_PAUSE_MS);
    this.#pause = { onDeadline: () => this.#resume() };
    this.#pauseTicket = timers.schedule(this.#pause, pauseMs);
  }

  #resume(): void {
    this.#cancelPause();
    for (const topic of this.#delayed) this.#ready.push(topic);
    this.#delayed = [];
    this.#flushSoon();
  }

  #cancelPause(): void {
    if (this.#pause !== undefined) timers.cancel(this.#pause, this.#pauseTicket);
    this.#pause = undefined;
  }
}

/** Tells whether nothing of the entry is stored. It is not sent again either: an idempotency key means nothing for it. */
function isVolatile({ isVolatile: isMarked = false, keep }: Append): boolean {
  return isMarked || keep.messages <= 0;
}

/** Tells whether the broker should not be asked for the topic for a while. */
function isTrouble(outcome: Appended | BrokerError | undefined): boolean {
  if (outcome === undefined) return true;
  return outcome instanceof BrokerError && (outcome.code === 'down' || outcome.code === 'unknown');
}

function refusedError(error: BrokerError): FourDError {
  const code = error.code === 'full' ? 'ERR_BROKER_FULL' : 'ERR_BROKER_UNSUPPORTED';
  return new FourDError(code, error.message, { componentSignature: 'HTTP', cause: error, stored: 'no' });
}

function downError(stored: 'no' | 'unknown', cause: BrokerError): FourDError {
  const message = `the broker of the topics is away: ${cause.message}`;
  return new FourDError('ERR_BROKER_DOWN', message, { componentSignature: 'HTTP', cause, stored });
}
