import { performance } from 'node:perf_hooks';
import type { MessageShape } from '../messages.ts';
import { AnswerCheck } from './answer-check.ts';
import { type Exchange, ExchangeClock } from './exchange.ts';
import { Failure } from './failure.ts';
import { buildFrame, repeatFrame } from './frames.ts';
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
}

/** How many handshakes are under way at a time. */
const CONCURRENT_HANDSHAKES = 32;

/** The generator of the load: raw sockets, frames built beforehand, answers counted by their bytes. */
export class Load implements RawListener {
  readonly #plan: LoadPlan;
  #answerBytes: number;
  /** Frames to send, by their number. */
  readonly #frames: readonly Buffer[];
  readonly #failure = new Failure();
  readonly #clock = new ExchangeClock(this.#failure);
  #check: AnswerCheck | undefined;
  readonly #connections: RawConnection[] = [];
  #begunConnections = 0;
  /** Connections that have not got all of the current fan-out. */
  #waitingConnections = 0;

  constructor(plan: LoadPlan) {
    this.#plan = plan;
    this.#answerBytes = buildFrame(plan.shape, false).length;
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
      this.#answerBytes = this.#check.answerBytes;
      this.#check = undefined;
    }
    return { messages: connections, elapsedMs };
  }

  /** Lets messages flow. The result counts messages that were answered; with fan-out, those that were received. */
  async run(durationMs: number): Promise<Exchange> {
    const { inFlight, pattern, connections } = this.#plan;
    this.#waitingConnections = connections;
    const firstMessages = pattern === 'echo' ? inFlight * connections : inFlight;
    const exchange = await this.#clock.run(durationMs, firstMessages, () => this.#sendFromAll(inFlight));
    if (this.#connections.some((connection) => connection.unclaimedBytes !== 0)) {
      throw new Error('bytes came that belong to no answer');
    }
    return pattern === 'echo' ? exchange : { ...exchange, messages: exchange.messages * connections };
  }

  /** Ends all connections with a reset. */
  close(): void {
    for (const connection of this.#connections) connection.reset();
    this.#failure.fail('connection lost: closed by the load');
  }

  // RawListener

  onBytes(connection: RawConnection, count: number, bytes: Uint8Array): void {
    if (this.#check !== undefined) this.#check.onBytes(connection, count, bytes);
    else if (this.#plan.pattern === 'echo') this.#onEchoBytes(connection, count);
    else this.#onFanOutBytes(connection, count);
  }

  onLost(reason: string): void {
    this.#failure.fail(`connection lost: ${reason}`);
  }

  async #openInTurn(): Promise<void> {
    const { port, shape, connections } = this.#plan;
    while (this.#begunConnections < connections) {
      this.#begunConnections++;
      this.#connections.push(await RawConnection.open(port, this, shape.isCompressed === true));
    }
  }

  #sendFromAll(count: number): void {
    const senders = this.#plan.pattern === 'echo' ? this.#connections : this.#connections.slice(0, 1);
    for (const connection of senders) connection.write(this.#frames[count] as Buffer);
  }

  #onEchoBytes(connection: RawConnection, count: number): void {
    const bytes = connection.unclaimedBytes + count;
    const answers = Math.floor(bytes / this.#answerBytes);
    connection.unclaimedBytes = bytes - answers * this.#answerBytes;
    if (answers > this.#plan.inFlight) this.#failure.fail('more answers than messages');
    else if (answers > 0 && this.#clock.answered(answers)) connection.write(this.#frames[answers] as Buffer);
  }

  #onFanOutBytes(connection: RawConnection, count: number): void {
    const { inFlight, connections } = this.#plan;
    const expected = this.#answerBytes * inFlight;
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
