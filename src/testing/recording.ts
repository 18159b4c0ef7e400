import { AssertionError } from 'node:assert';
import { areTimersReplaced, realClock } from '../base/clock.ts';
import type { ErrorEvent, MessageEvent, TerminateEvent } from '../session/events.ts';
import type { FourDError } from '../errors.ts';
import { activity } from './activity.ts';
import { callbackOf } from './event-types.ts';
import { showMessage } from './message-text.ts';
import { hasTestClock } from './test-clock.ts';

/** An event that a handler got. */
export interface RecordedEvent {
  readonly type: string;
}

/** How long a test waits, in real milliseconds, where no option says otherwise. */
let defaultWaitMs = 2000;

/** The longest wait of recordings that are created from now on without a time of their own. */
export function getDefaultWaitMs(): number {
  return defaultWaitMs;
}

export function setDefaultWaitMs(milliseconds: number): void {
  defaultWaitMs = milliseconds;
}

/** What a test waits for. Returns whether the wait is over. */
type Wait = () => boolean;

/** The places in a list that calls have taken, each for itself. */
class Places {
  #count = 0;
  /** Places of calls that waited in vain. What comes late is for the next call. */
  readonly #free: number[] = [];

  take(): number {
    return this.#free.shift() ?? this.#count++;
  }

  giveBack(place: number): void {
    this.#free.push(place);
    this.#free.sort((a, b) => a - b);
  }
}

/** The events of one handler, in order, and the tests that wait for more of them. */
export class Recording<T = unknown> {
  /** All events that began, in order. */
  readonly events: RecordedEvent[] = [];
  /** `event.data` of the messages. */
  readonly messages: T[] = [];
  readonly errors: ErrorEvent[] = [];
  ending: TerminateEvent | undefined;
  /** Connections that are open: a handler may have several, and a client none before it fails. */
  #openCount = 0;
  /** Returns the recording of the other end, whose errors tell why a message did not come. */
  findPeer: () => Recording | undefined = () => undefined;
  /** Number of callbacks that are over. */
  finishedCount = 0;
  readonly #name: string;
  readonly #waitMs: number;
  /** What was asked for: messages under `''`, events under their type. */
  readonly #places = new Map<string, Places>();
  readonly #waits = new Set<Wait>();

  /**
   * @param name - of who received, in errors
   * @param waitMs - longest wait, in real milliseconds
   */
  constructor(name: string, waitMs: number = defaultWaitMs) {
    this.#name = name;
    this.#waitMs = waitMs;
  }

  /** Names of the callbacks of the events. */
  get callbacks(): string[] {
    return this.events.map(({ type }) => callbackOf(type));
  }

  note(event: RecordedEvent): void {
    activity.moves++;
    this.events.push(event);
    // A client that has ended may begin another life.
    if (event.type === 'open' || event.type === 'reconnect') this.ending = undefined;
    if (event.type === 'open') this.#openCount++;
    else if (event.type === 'message') this.messages.push(copyOf((event as MessageEvent<T>).data));
    else if (event.type === 'error') this.errors.push(event as ErrorEvent);
    else if (event.type === 'terminate') {
      this.#openCount--;
      this.ending = event as TerminateEvent;
    }
    this.check();
  }

  noteFinished(): void {
    activity.moves++;
    this.finishedCount++;
    this.check();
  }

  /** Resolves to the next messages that no earlier call has returned. @throws AssertionError (as a rejection) */
  nextMessages(count: number): Promise<T[]> {
    return this.next(
      '',
      count,
      () => this.messages,
      (number) => `message ${number}`,
      () => this.ending !== undefined && this.#openCount <= 0,
    );
  }

  eventsOf(type: string): RecordedEvent[] {
    return this.events.filter((event) => event.type === type);
  }

  /** Resolves to the next event of a type that no earlier call has returned. @throws AssertionError (as a rejection) */
  async nextEvent(type: string): Promise<RecordedEvent> {
    const describe = (number: number): string => `event ${number} of the type "${type}"`;
    const [event] = await this.next(type, 1, () => this.eventsOf(type), describe);
    return event as RecordedEvent;
  }

  /**
   * Resolves to the next items of a list that no earlier call with the same key has returned.
   *
   * @param describe - names the item of this number, for errors
   * @param isVain - whether they can never come any more
   * @throws AssertionError (as a rejection)
   */
  async next<Item>(
    key: string,
    count: number,
    items: () => readonly Item[],
    describe: (number: number) => string,
    isVain?: () => boolean,
  ): Promise<Item[]> {
    const places = this.#places.get(key) ?? new Places();
    this.#places.set(key, places);
    const indexes = Array.from({ length: count }, () => places.take());
    const last = Math.max(...indexes);
    const missing = (): string => describe((indexes.find((index) => index >= items().length) ?? last) + 1);
    try {
      await this.until(missing, () => items().length > last, isVain);
    } catch (error) {
      for (const index of indexes) places.giveBack(index);
      throw error;
    }
    return indexes.map((index) => items()[index] as Item);
  }

  /** Resolves when the connection has ended. @throws AssertionError (as a rejection) */
  async ended(): Promise<TerminateEvent> {
    await this.until(
      () => 'the end of the connection',
      () => this.ending !== undefined,
    );
    return this.ending as TerminateEvent;
  }

  /**
   * Resolves when `isReached` returns true, which is asked with each event.
   *
   * @param describe - names what did not come, for errors
   * @param isVain - whether it can never be reached any more
   * @throws AssertionError (as a rejection), which says what did arrive
   */
  async until(describe: () => string, isReached: () => boolean, isVain: () => boolean = () => false): Promise<void> {
    if (isReached()) return;
    const hasEnded = isVain() || (await this.#wait(() => isReached() || isVain()));
    if (isReached()) return;
    const why = hasEnded ? ': the connection has ended' : ` within ${this.#waitMs} ms${stoppedTime()}`;
    throw new AssertionError({ message: `${this.#name} did not get ${describe()}${why}; ${this.describe()}` });
  }

  /** Returns false when the time is up. */
  #wait(isOver: Wait): Promise<boolean> {
    return new Promise((resolve) => {
      const end = (isReached: boolean): true => {
        realClock.clearTimeout(timeout);
        this.#waits.delete(wait);
        resolve(isReached);
        return true;
      };
      const wait: Wait = () => isOver() && end(true);
      const timeout = realClock.setTimeout(() => void end(false), this.#waitMs);
      this.#waits.add(wait);
    });
  }

  /** Says what did arrive. */
  describe(): string {
    const { code, reason, cause } = this.ending ?? {};
    const messages = this.messages.length === 0 ? 'no message' : this.messages.map(showMessage).join(', ');
    const errors = this.errors.map(({ error }) => `, ${describeError(error)}`).join('');
    const [ofPeer] = this.findPeer()?.errors ?? [];
    const peer = ofPeer === undefined ? '' : `; the other end has failed with ${describeError(ofPeer.error)}`;
    const end =
      this.ending === undefined ? '' : `, then its end with ${code}${reason ? ` "${reason}"` : ''} (${cause})`;
    return `it got ${messages}${errors}${end}${peer}`;
  }

  /** Asks those who wait whether it is over. */
  check(): void {
    for (const wait of this.#waits) wait();
  }
}

/** Shows an error with its text, which names the callback that has failed, and what it threw. */
export function describeError({ code, message }: FourDError): string {
  return `${code} (${message})`;
}

/** Says what keeps the time of the library from passing, as far as a test may not know it. */
function stoppedTime(): string {
  if (hasTestClock()) return ', in which the clock of createClock() stood still unless advance() was called';
  return areTimersReplaced()
    ? ', and fake timers of the test framework do not move the library: createClock() does'
    : '';
}

/** The bytes of a message may be lent for the time of the callback only. */
function copyOf<T>(data: T): T {
  return Buffer.isBuffer(data) ? (Buffer.from(data) as T) : data;
}
