import { performance } from 'node:perf_hooks';
import type { AnswerPlace, Answers } from './answers.ts';
import { DRAIN_TIMEOUT_MS, type Exchange } from './exchange.ts';
import { type Failure, WRONG_ANSWER } from './failure.ts';
import type { FrameCycle } from './frame-cycle.ts';
import { type Quantiles, quantilesOf } from './quantiles.ts';
import type { RawConnection } from './raw-connection.ts';

/** The rate at which messages are due, whether or not earlier messages are answered. */
export interface Pacing {
  /** Rate of all connections together. */
  readonly messagesPerSecond: number;
  readonly durationMs: number;
}

/** The result of messages that were due at fixed times. */
export interface PacedExchange extends Exchange {
  /** Microseconds from when a message was due until its answer had come. */
  readonly latency: Quantiles;
  /** Microseconds from when a message was due until it was sent: the error of the load, and a part of the latency. */
  readonly lateness: Quantiles;
  /** Share of the time in which the load had work, 0 to 1. The load spins, so its processor is always busy. */
  readonly loadShare: number;
}

/** A connection that a pace sends messages to. */
type PacedConnection = Pick<RawConnection, 'index' | 'write' | 'nextVariant'> & AnswerPlace;

/** The parts of the load that a pace needs. */
export interface PaceSettings {
  /** Connections that get one message each in turn. The `index` of each is its position in the array. */
  readonly connections: readonly PacedConnection[];
  readonly messages: FrameCycle;
  readonly answers: Answers;
  readonly failure: Failure;
  /** Time for the last answers. */
  readonly drainTimeoutMs?: number;
  readonly clock?: PaceClock;
}

/** The clock of a pace. */
export interface PaceClock {
  /** Returns the time in milliseconds. */
  now(): number;
  /** Calls back in the next turn of the event loop. */
  nextTurn(callback: () => void): void;
}

/** The system clock without Node's timers, which are late by up to a millisecond. */
const SYSTEM_CLOCK: PaceClock = { now: () => performance.now(), nextTurn: (callback) => void setImmediate(callback) };

/**
 * Sends messages at fixed times, one connection after the other, and counts the time of each answer from when its
 * message was due. A server that stands still therefore delays all messages that were due meanwhile, as it does for
 * users. A load that waits for answers would send fewer messages just then and hide the delay (coordinated omission).
 */
export class Pace {
  readonly #settings: PaceSettings;
  readonly #clock: PaceClock;
  readonly #intervalMs: number;
  readonly #latencies: Float64Array;
  readonly #lateness: Float64Array;
  /** Number of answered messages of each connection. */
  readonly #answeredEach: Uint32Array;
  readonly #total: number;
  #sent = 0;
  #answered = 0;
  #beganAt = 0;
  #lastAnswerAt = 0;
  #turnBeganAt = 0;
  #idleMs = 0;
  #isIdle = true;
  #resolve: ((exchange: PacedExchange) => void) | undefined;

  constructor(settings: PaceSettings, { messagesPerSecond, durationMs }: Pacing) {
    this.#settings = settings;
    this.#clock = settings.clock ?? SYSTEM_CLOCK;
    this.#intervalMs = 1000 / messagesPerSecond;
    this.#total = Math.max(1, Math.round(durationMs / this.#intervalMs));
    this.#latencies = new Float64Array(this.#total);
    this.#lateness = new Float64Array(this.#total);
    this.#answeredEach = new Uint32Array(settings.connections.length);
  }

  /** Sends all messages, and resolves when the last one is answered. Can be called once. */
  run(): Promise<PacedExchange> {
    return this.#settings.failure.guard(
      new Promise((resolve) => {
        this.#resolve = resolve;
        this.#beganAt = this.#clock.now();
        this.#turnBeganAt = this.#beganAt;
        this.#clock.nextTurn(this.#turn);
      }),
    );
  }

  onBytes(connection: PacedConnection, count: number, bytes: Uint8Array): void {
    const now = this.#clock.now();
    const { answers, connections, failure } = this.#settings;
    const { index } = connection;
    this.#isIdle = false;
    let left = answers.read(connection, count, bytes);
    if (left < 0) {
      failure.fail(WRONG_ANSWER);
      return;
    }
    for (; left > 0; left--) {
      const message = (this.#answeredEach[index] as number) * connections.length + index;
      if (message >= this.#sent) {
        failure.fail('more answers than messages');
        return;
      }
      this.#latencies[message] = now - this.#dueAt(message);
      (this.#answeredEach[index] as number)++;
      this.#answered++;
    }
    this.#lastAnswerAt = now;
    // Messages are sent here too, so that reading many answers does not delay them.
    this.#sendDue(now);
  }

  #dueAt(message: number): number {
    return this.#beganAt + message * this.#intervalMs;
  }

  /** Runs in each turn of the event loop. */
  readonly #turn = (): void => {
    const now = this.#clock.now();
    if (this.#isIdle) this.#idleMs += now - this.#turnBeganAt;
    this.#turnBeganAt = now;
    this.#isIdle = true;
    this.#sendDue(now);
    if (this.#answered === this.#total) {
      this.#finish();
      return;
    }
    const { failure, drainTimeoutMs = DRAIN_TIMEOUT_MS } = this.#settings;
    if (now - this.#dueAt(this.#total) > drainTimeoutMs) {
      failure.fail(`messages lost: ${this.#total - this.#answered} of ${this.#total} not answered`);
    }
    if (!failure.hasFailed) this.#clock.nextTurn(this.#turn);
  };

  #sendDue(now: number): void {
    const { connections, messages } = this.#settings;
    // The clock is read for each message, because sending many messages takes time.
    for (let at = now; this.#sent < this.#total && at >= this.#dueAt(this.#sent); at = this.#clock.now()) {
      const message = this.#sent++;
      this.#lateness[message] = at - this.#dueAt(message);
      const connection = connections[message % connections.length] as PacedConnection;
      const { nextVariant } = connection;
      connection.nextVariant = messages.after(nextVariant, 1);
      connection.write(messages.run(nextVariant, 1));
      this.#isIdle = false;
    }
  }

  #finish(): void {
    const elapsedMs = this.#lastAnswerAt - this.#beganAt;
    this.#resolve?.({
      messages: this.#total,
      elapsedMs,
      latency: quantilesOf(this.#latencies, 1000),
      lateness: quantilesOf(this.#lateness, 1000),
      loadShare: 1 - this.#idleMs / elapsedMs,
    });
  }
}
