import { performance } from 'node:perf_hooks';
import { setTimeout as sleep } from 'node:timers/promises';
import type { MessageShape } from '../messages.ts';
import { AnswerBytes } from './answer-bytes.ts';
import { AnswerCheck } from './answer-check.ts';
import { type Exchange, ExchangeClock } from './exchange.ts';
import { Failure } from './failure.ts';
import { buildFrame, repeatFrame } from './frames.ts';
import { Pace, type PacedExchange, type Pacing } from './pace.ts';
import { RawConnection, type RawListener } from './raw-connection.ts';

/** What flows between a load and a server. */
export interface LoadPlan {
  readonly port: number;
  readonly shape: MessageShape;
  readonly connections: number;
  /** How messages flow: each is answered on its own connection, or those of the first connection go to all. */
  readonly pattern: 'echo' | 'fan-out';
  /** Messages of one connection that are on their way at a time; those that are sent together leave in one write. */
  readonly inFlight: number;
  /** Whether one message on each connection is compared, byte by byte, before anything is measured. A must for compressed ones. */
  readonly checksAnswers: boolean;
  /** How long the last answers may take. */
  readonly drainTimeoutMs?: number;
}

/** How many handshakes are under way at a time. */
const CONCURRENT_HANDSHAKES = 32;
/** How long an answer that nobody asked for has to come, after the last that was counted. */
const SURPLUS_WAIT_MS = 50;

/**
 * The generator of the load: raw sockets, frames built beforehand, answers counted by their bytes. Each byte that comes is
 * compared with what must come, by one call of native code for each read.
 */
export class Load implements RawListener {
  readonly #plan: LoadPlan;
  #answer: AnswerBytes;
  /** Frames to send, by their number. */
  readonly #frames: readonly Buffer[];
  readonly #failure = new Failure();
  readonly #clock: ExchangeClock;
  #check: AnswerCheck | undefined;
  #pace: Pace | undefined;
  readonly #connections: RawConnection[] = [];
  #begunConnections = 0;
  /** Connections that have not got all of the current fan-out. */
  #waitingConnections = 0;

  constructor(plan: LoadPlan) {
    this.#plan = plan;
    this.#clock = new ExchangeClock(this.#failure, plan.drainTimeoutMs);
    this.#answer = new AnswerBytes(buildFrame(plan.shape, false));
    this.#frames = repeatFrame(buildFrame(plan.shape, true), plan.inFlight);
    if (plan.checksAnswers) this.#check = new AnswerCheck(this.#failure, plan.shape);
  }

  /** Opens the connections. The result counts handshakes. */
  async open(): Promise<Exchange> {
    const { connections } = this.#plan;
    const beganAt = performance.now();
    await this.#failure.guard(
      Promise.all(Array.from({ length: Math.min(CONCURRENT_HANDSHAKES, connections) }, () => this.#openInTurn())),
    );
    const elapsedMs = performance.now() - beganAt;
    if (this.#check !== undefined) {
      await this.#check.run(connections, () => this.#sendFromAll(1));
      if (this.#check.answer !== undefined) this.#answer = new AnswerBytes(this.#check.answer);
      this.#check = undefined;
    }
    return { messages: connections, elapsedMs };
  }

  /** Lets messages flow. The result counts messages that were answered; with fan-out, those that were received. */
  async run(durationMs: number): Promise<Exchange> {
    const { inFlight, pattern, connections } = this.#plan;
    this.#pace = undefined;
    this.#waitingConnections = connections;
    for (const connection of this.#connections) connection.outstanding = inFlight;
    const firstMessages = pattern === 'echo' ? inFlight * connections : inFlight;
    const exchange = await this.#clock.run(durationMs, firstMessages, () => this.#sendFromAll(inFlight));
    this.#checkNothingIsLeft();
    return pattern === 'echo' ? exchange : { ...exchange, messages: exchange.messages * connections };
  }

  /** Sends messages at fixed times, of which each is answered on its own connection. */
  async pace(pacing: Pacing): Promise<PacedExchange> {
    const { drainTimeoutMs } = this.#plan;
    this.#pace = new Pace(
      {
        connections: this.#connections,
        frame: this.#frames[1] as Buffer,
        answer: this.#answer,
        failure: this.#failure,
        ...(drainTimeoutMs !== undefined && { drainTimeoutMs }),
      },
      pacing,
    );
    return this.#pace.run();
  }

  /** Waits for what nobody asked for. Rejects when something came after all that was counted. */
  async verify(): Promise<void> {
    await this.#failure.guard(sleep(SURPLUS_WAIT_MS));
    this.#checkNothingIsLeft();
  }

  /** Ends all connections with a reset. */
  close(): void {
    for (const connection of this.#connections) connection.reset();
    this.#failure.fail('connection lost: closed by the load');
  }

  // RawListener

  onBytes(connection: RawConnection, count: number, bytes: Uint8Array): void {
    if (this.#check !== undefined) this.#check.onBytes(connection, count, bytes);
    else if (this.#pace !== undefined) this.#pace.onBytes(connection, count, bytes);
    else if (!this.#answer.match(bytes, count, connection.unclaimedBytes)) {
      this.#failure.fail('an answer is not the message that was sent');
    } else if (this.#plan.pattern === 'echo') this.#onEchoBytes(connection, count);
    else this.#onFanOutBytes(connection, count);
  }

  onLost(reason: string): void {
    this.#failure.fail(`connection lost: ${reason}`);
  }

  async #openInTurn(): Promise<void> {
    const { port, shape, connections } = this.#plan;
    while (this.#begunConnections < connections) {
      this.#begunConnections++;
      const connection = await RawConnection.open({ port, isCompressed: shape.isCompressed === true }, this);
      connection.index = this.#connections.push(connection) - 1;
    }
  }

  #checkNothingIsLeft(): void {
    if (this.#connections.some(({ unclaimedBytes }) => unclaimedBytes !== 0)) {
      throw new Error('bytes came that belong to no answer');
    }
  }

  #sendFromAll(count: number): void {
    const senders = this.#plan.pattern === 'echo' ? this.#connections : this.#connections.slice(0, 1);
    for (const connection of senders) connection.write(this.#frames[count] as Buffer);
  }

  #onEchoBytes(connection: RawConnection, count: number): void {
    const bytes = connection.unclaimedBytes + count;
    const answers = Math.floor(bytes / this.#answer.length);
    connection.unclaimedBytes = bytes - answers * this.#answer.length;
    if (answers === 0) return;
    // One too many must not make up for one that another connection has not got.
    if (!this.#clock.isFlowing) connection.outstanding -= answers;
    if (answers > this.#plan.inFlight || connection.outstanding < 0) this.#failure.fail('more answers than messages');
    else if (this.#clock.answered(answers)) connection.write(this.#frames[answers] as Buffer);
  }

  #onFanOutBytes(connection: RawConnection, count: number): void {
    const { inFlight, connections } = this.#plan;
    const expected = this.#answer.length * inFlight;
    connection.unclaimedBytes += count;
    if (connection.unclaimedBytes < expected) return;
    if (connection.unclaimedBytes > expected) {
      this.#failure.fail('more bytes than were sent');
      return;
    }
    connection.unclaimedBytes = 0;
    if (--this.#waitingConnections > 0) return;
    this.#waitingConnections = connections;
    if (this.#clock.answered(inFlight)) this.#connections[0]?.write(this.#frames[inFlight] as Buffer);
  }
}
