import { performance } from 'node:perf_hooks';
import { setTimeout as sleep } from 'node:timers/promises';
import type { MessageShape } from '../messages.ts';
import { AnswerBytes } from './answer-bytes.ts';
import { AnswerCheck } from './answer-check.ts';
import type { Answers } from './answers.ts';
import { CompressedAnswers } from './compressed-answers.ts';
import { type Exchange, ExchangeClock, SURPLUS_WAIT_MS } from './exchange.ts';
import { Failure, WRONG_ANSWER } from './failure.ts';
import { FrameCycle } from './frame-cycle.ts';
import { buildFrames } from './frames.ts';
import { openInTurn } from './open-in-turn.ts';
import { Pace, type PacedExchange, type Pacing } from './pace.ts';
import { RawConnection, type RawListener } from './raw-connection.ts';

/** The plan of the messages between a load and a server. */
export interface LoadPlan {
  readonly port: number;
  readonly shape: MessageShape;
  readonly connections: number;
  /** How messages flow: each is answered on its own connection, or the messages of the first connection go to all. */
  readonly pattern: 'echo' | 'fan-out';
  /** Messages of one connection in flight at a time; messages that are sent together leave in one write. */
  readonly inFlight: number;
  /** Whether each connection must get one answer before the measurements. */
  readonly checksAnswers: boolean;
  /** Time for the last answers. */
  readonly drainTimeoutMs?: number;
}

/**
 * The load generator: raw sockets, prebuilt frames, answers counted by their bytes. Each received byte is compared with
 * the expected byte, by one native call for each read. Messages of a connection differ from one to the next, and each
 * connection begins with another message.
 */
export class Load implements RawListener {
  readonly #plan: LoadPlan;
  readonly #answers: Answers;
  readonly #messages: FrameCycle;
  readonly #failure = new Failure();
  readonly #clock: ExchangeClock;
  #check: AnswerCheck | undefined;
  #pace: Pace | undefined;
  readonly #connections: RawConnection[] = [];
  /** Number of connections that have not got all messages of the current fan-out. */
  #waitingConnections = 0;

  constructor(plan: LoadPlan) {
    this.#plan = plan;
    this.#clock = new ExchangeClock(this.#failure, plan.drainTimeoutMs);
    this.#answers =
      plan.shape.isCompressed === true
        ? new CompressedAnswers(plan.shape, false)
        : new AnswerBytes(buildFrames(plan.shape, false));
    this.#messages = new FrameCycle(buildFrames(plan.shape, true), plan.inFlight);
  }

  /** Opens the connections. The result counts handshakes. */
  async open(): Promise<Exchange> {
    const { connections, checksAnswers } = this.#plan;
    const beganAt = performance.now();
    await this.#failure.guard(openInTurn(connections, (number) => this.#open(number)));
    const elapsedMs = performance.now() - beganAt;
    if (checksAnswers) {
      this.#check = new AnswerCheck(this.#failure, this.#answers);
      await this.#check.run(connections, () => {
        for (const connection of this.#senders()) this.#send(connection, 1);
      });
      this.#check = undefined;
    }
    return { messages: connections, elapsedMs };
  }

  /** Lets messages flow. The result counts answered messages; with fan-out, received messages. */
  async run(durationMs: number): Promise<Exchange> {
    const { inFlight, pattern, connections } = this.#plan;
    this.#pace = undefined;
    const firstMessages = pattern === 'echo' ? inFlight * connections : inFlight;
    const exchange = await this.#clock.run(durationMs, firstMessages, () => this.#sendBurst(inFlight));
    this.#checkNothingIsLeft();
    return pattern === 'echo' ? exchange : { ...exchange, messages: exchange.messages * connections };
  }

  /** Sends messages at fixed times. Each is answered on its own connection. */
  async pace(pacing: Pacing): Promise<PacedExchange> {
    const { drainTimeoutMs } = this.#plan;
    this.#pace = new Pace(
      {
        connections: this.#connections,
        messages: this.#messages,
        answers: this.#answers,
        failure: this.#failure,
        ...(drainTimeoutMs !== undefined && { drainTimeoutMs }),
      },
      pacing,
    );
    return this.#pace.run();
  }

  /** Waits for superfluous answers. Rejects when bytes came after the last counted answer. */
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
    else {
      const answers = this.#answers.read(connection, count, bytes);
      if (answers < 0) this.#failure.fail(WRONG_ANSWER);
      else if (this.#plan.pattern === 'echo') this.#onEchoes(connection, answers);
      else this.#onFanOut(connection, answers);
    }
  }

  onLost(reason: string): void {
    this.#failure.fail(`connection lost: ${reason}`);
  }

  async #open(number: number): Promise<void> {
    const { port, shape, pattern } = this.#plan;
    // In a fan-out all connections get the messages of one, so all begin with the same message.
    const firstVariant = pattern === 'echo' ? number % this.#messages.length : 0;
    const target = { port, isCompressed: shape.isCompressed === true, firstVariant };
    const connection = await RawConnection.open(target, this);
    connection.index = this.#connections.push(connection) - 1;
  }

  #checkNothingIsLeft(): void {
    if (this.#connections.some(({ unclaimedBytes }) => unclaimedBytes !== 0)) {
      throw new Error('bytes came that belong to no answer');
    }
  }

  /** Returns all connections, or only the first one when its messages go to all. */
  #senders(): readonly RawConnection[] {
    return this.#plan.pattern === 'echo' ? this.#connections : this.#connections.slice(0, 1);
  }

  #sendBurst(count: number): void {
    this.#waitingConnections = this.#connections.length;
    for (const connection of this.#connections) connection.outstanding = count;
    for (const connection of this.#senders()) this.#send(connection, count);
  }

  #send(connection: RawConnection, count: number): void {
    const { nextVariant } = connection;
    connection.nextVariant = this.#messages.after(nextVariant, count);
    connection.write(this.#messages.run(nextVariant, count));
  }

  #onEchoes(connection: RawConnection, answers: number): void {
    if (answers === 0) return;
    // A superfluous answer must not make up for a missing answer of another connection.
    if (!this.#clock.isFlowing) connection.outstanding -= answers;
    if (answers > this.#plan.inFlight || connection.outstanding < 0) this.#failure.fail('more answers than messages');
    else if (this.#clock.answered(answers)) this.#send(connection, answers);
  }

  #onFanOut(connection: RawConnection, answers: number): void {
    const { inFlight } = this.#plan;
    connection.outstanding -= answers;
    if (connection.outstanding > 0) return;
    if (connection.outstanding < 0 || connection.unclaimedBytes > 0) {
      this.#failure.fail('more bytes than were sent');
      return;
    }
    if (--this.#waitingConnections > 0) return;
    if (this.#clock.answered(inFlight)) this.#sendBurst(inFlight);
  }
}
