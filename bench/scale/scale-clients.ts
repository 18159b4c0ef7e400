import { setTimeout as sleep } from 'node:timers/promises';
import { Failure } from '../load/failure.ts';
import { firstFrame, frameOf } from '../load/frames.ts';
import { openInTurn } from '../load/open-in-turn.ts';
import { RawConnection, type RawListener } from '../load/raw-connection.ts';
import { clockMs } from './clock.ts';

/** An address has some 28 000 ports, but binding becomes slow long before all are used. */
const CONNECTIONS_PER_ADDRESS = 2000;
const ARRIVAL_TIMEOUT_MS = 60_000;
/** Time to wait for messages that come a second time. */
const SURPLUS_WAIT_MS = 300;

const TEXT = 0x81;
const PING = 0x89;
const PONG = 0x8a;

/** Connections to open. */
export interface ScaleTask {
  readonly port: number;
  readonly connections: number;
  /** Number of connections of other processes, which use the addresses before. */
  readonly offset: number;
}

/** Clients that wait for messages, answer pings and count. */
export class ScaleClients implements RawListener {
  readonly #failure = new Failure();
  readonly #connections: RawConnection[] = [];
  /** The beginnings of frames that are not complete, by connection. */
  readonly #rests = new Map<RawConnection, Buffer>();
  readonly #arrivalTimeoutMs: number;
  #expected: Buffer | undefined;
  /** Time at which each connection got the message; 0 when it has not. */
  #arrivals = new Float64Array(0);
  #missing = 0;
  #onAll: (() => void) | undefined;
  #pings = 0;

  constructor(arrivalTimeoutMs: number = ARRIVAL_TIMEOUT_MS) {
    this.#arrivalTimeoutMs = arrivalTimeoutMs;
  }

  /** Number of pings that were answered so far. */
  get pings(): number {
    return this.#pings;
  }

  /** Opens connections, beside those of earlier calls. */
  async open({ port, connections, offset }: ScaleTask): Promise<void> {
    await this.#failure.guard(
      openInTurn(connections, async (number) => {
        const localAddress = addressOf(offset + number);
        const connection = await RawConnection.open({ port, isCompressed: false, localAddress }, this);
        connection.index = this.#connections.push(connection) - 1;
      }),
    );
  }

  /** Expects that each connection gets this text once from now on. */
  expect(text: string): void {
    this.#expected = frameOf(Buffer.from(text), TEXT, false);
    this.#arrivals = new Float64Array(this.#connections.length);
    this.#missing = this.#connections.length;
  }

  /**
   * Returns the sorted times of {@link clockMs} at which the connections got the expected text.
   *
   * @returns resolves when all connections have the text; rejects when it is lost, doubled or changed on one
   */
  async arrivals(): Promise<readonly number[]> {
    const timer = setTimeout(() => {
      const all = this.#connections.length;
      this.#failure.fail(`messages lost: ${this.#missing} of ${all} clients did not get the message`);
    }, this.#arrivalTimeoutMs);
    try {
      await this.#failure.guard(
        new Promise<void>((resolve) => {
          this.#onAll = resolve;
          if (this.#missing === 0) resolve();
        }),
      );
    } finally {
      clearTimeout(timer);
    }
    await this.verify();
    return Array.from(this.#arrivals.toSorted());
  }

  /** Waits a moment. Rejects when a connection was lost, or anything unexpected came. */
  async verify(): Promise<void> {
    await this.#failure.guard(sleep(SURPLUS_WAIT_MS));
  }

  /** Ends all connections with a reset. */
  close(): void {
    for (const connection of this.#connections) connection.reset();
  }

  // RawListener

  onBytes(connection: RawConnection, count: number, bytes: Uint8Array): void {
    const expected = this.#expected;
    const isWhole =
      count === expected?.length && !this.#rests.has(connection) && expected.compare(bytes, 0, count) === 0;
    if (isWhole) this.#onText(connection);
    else this.#onFrames(connection, Buffer.from(bytes.subarray(0, count)));
  }

  onLost(reason: string): void {
    this.#failure.fail(`connection lost: ${reason}`);
  }

  #onFrames(connection: RawConnection, bytes: Buffer): void {
    let rest = Buffer.concat([this.#rests.get(connection) ?? Buffer.alloc(0), bytes]);
    for (let frame = firstFrame(rest); frame !== undefined; frame = firstFrame(rest)) {
      if (frame[0] === PING) this.#onPing(connection, frame.subarray(2));
      else if (this.#expected?.equals(frame) === true) this.#onText(connection);
      else this.#failure.fail('a message is not the one that was sent');
      rest = rest.subarray(frame.length);
    }
    if (rest.length > 0) this.#rests.set(connection, rest);
    else this.#rests.delete(connection);
  }

  #onPing(connection: RawConnection, payload: Buffer): void {
    this.#pings++;
    connection.write(frameOf(payload, PONG, true));
  }

  #onText({ index }: RawConnection): void {
    if (this.#arrivals[index] !== 0) this.#failure.fail('a client got a message twice');
    this.#arrivals[index] = clockMs();
    if (--this.#missing === 0) this.#onAll?.();
  }
}

function addressOf(connection: number): string {
  return `127.0.0.${1 + Math.floor(connection / CONNECTIONS_PER_ADDRESS)}`;
}
