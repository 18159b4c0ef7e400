import type { ErrorEvent, MessageEvent, SendOptions, SendableMessage, TerminateEvent } from '../../../src/index.ts';
import type { SendStatus } from '../../../src/connection/send-status.ts';
import type { Role } from '../../../src/protocol/constants.ts';
import { numberedMessage, numberOf, toSendable } from './message.ts';
import { type Draft, type Reaction, sendOptionsOf } from './scenario.ts';

/** The members that `WebSocket` and `WebSocketConnection` have in common. */
export interface Face {
  readonly status: string;
  readonly bufferedBytes: number;
  send(message: SendableMessage, options?: SendOptions): SendStatus;
  terminate(code?: number, reason?: string): void;
  destroy(): void;
  drained(): Promise<void>;
}

/** A message that this end has sent. */
interface Sent {
  readonly n: number;
  /** Whether the message may get lost while the messages behind it arrive. */
  readonly isOptional: boolean;
}

interface Gate {
  readonly resolve: () => void;
  readonly reject: (error: Error) => void;
}

type CallbackName = 'onOpen' | 'onMessage' | 'onDrain' | 'onError' | 'onTerminate';

const RANKS: readonly string[] = ['Connecting', 'Connected', 'Closing', 'Closed'];

/** Message of every error that callbacks throw. */
export const BOOM = 'boom';

/** Errors that are possible between two ends that both keep to the protocol. */
const POSSIBLE_ERRORS: ReadonlySet<string> = new Set([
  'ERR_BUFFER_FULL',
  'ERR_CALLBACK_FAILED',
  'ERR_CLOSE_TIMEOUT',
  'ERR_CONNECTION_LOST',
  'ERR_HEARTBEAT',
  'ERR_INCOMPLETE_MESSAGE',
]);

let lastNumber = 0;

/**
 * One end of a connection: its handler, and the calls of its user. A broken law is noted in {@link violations} and not
 * thrown, because a callback that throws is a part of the scenario.
 */
export class ConnectionEnd {
  readonly name: string;
  readonly role: Role;
  readonly violations: string[] = [];
  /** Callbacks that ran, in order. */
  readonly calls: CallbackName[] = [];
  readonly sent: Sent[] = [];
  readonly received: number[] = [];
  terminated: TerminateEvent | undefined;
  /** True when the user of this end has ended the connection, or made it fail. */
  isEndedHere = false;
  /** True when the server of this end is ending, which drops messages that wait behind a callback. */
  mayLoseMessages = false;
  /** The code of the first `terminate` that had an effect. */
  closeCode: number | undefined;
  /** Number of calls of `drained()` that have not resolved. */
  pendingDrained = 0;
  face: Face | undefined;
  readonly #reactions: Iterator<Reaction>;
  readonly #gates: Gate[] = [];
  #running: CallbackName | undefined;
  #rank = 0;
  #queued = 0;

  constructor(name: string, role: Role, reactions: readonly Reaction[]) {
    this.name = name;
    this.role = role;
    this.#reactions = reactions.values();
  }

  get gates(): number {
    return this.#gates.length;
  }

  get isBusy(): boolean {
    return this.#running !== undefined;
  }

  // The handler

  onOpen(face: Face): unknown {
    this.face = face;
    return this.#run('onOpen');
  }

  onMessage(_face: Face, { data }: MessageEvent<unknown>): unknown {
    const n = numberOf(data);
    if (n === undefined) this.#violate('got a message that nobody sent');
    else this.received.push(n);
    if (this.isEndedHere) this.#violate('got a message after it had ended the connection');
    return this.#run('onMessage');
  }

  onDrain(): unknown {
    if (this.#queued === 0) this.#violate('ran onDrain without a send that was queued');
    this.#queued--;
    return this.#run('onDrain');
  }

  onError(_face: Face, { errors, error }: ErrorEvent): unknown {
    if (errors[0]?.message !== error.message) this.#violate('got an error that is not its first item');
    if (!POSSIBLE_ERRORS.has(error.code)) this.#violate(`failed: ${error.message}`);
    return this.#run('onError');
  }

  onTerminate(face: Face, event: TerminateEvent): unknown {
    this.terminated = event;
    if (face.status !== 'Closed') this.#violate(`was ${face.status} in onTerminate`);
    return this.#run('onTerminate');
  }

  // Calls of the user

  send(draft: Draft): void {
    const n = ++lastNumber;
    const { value, spoil } = toSendable(numberedMessage(n, draft.bytes), draft.form);
    const before = this.face?.status;
    const status = this.#try(() => this.face?.send(value, sendOptionsOf(draft)));
    spoil();
    if (before === undefined) return;
    if (before !== 'Connected' && status !== 'dropped') this.#violate(`was ${before}, and send returned ${status}`);
    if (status === 'sent' || status === 'queued')
      this.sent.push({ n, isOptional: draft.droppable && status === 'queued' });
    else if (status !== 'dropped') this.#violate(`send returned ${status}`);
    if (status === 'queued') this.#queued++;
    this.checkStatus();
  }

  /** Counts a broadcast to this end: it may have been queued, and `broadcast` returns only how many ends got it. */
  mayHaveQueued(): void {
    this.#queued++;
  }

  /** Whether all messages of the other end have arrived, except optional ones. */
  hasReceivedAll(other: ConnectionEnd): boolean {
    const got = new Set(this.received);
    return other.sent.every(({ n, isOptional }) => isOptional || got.has(n));
  }

  sendNonsense(): void {
    const status = this.#try(() => this.face?.send(1n as unknown as string));
    if (this.face !== undefined && status !== 'dropped') this.#violate(`returned ${status} for an invalid message`);
  }

  terminate(code: number, reason: string): void {
    if (this.face?.status === 'Connected') {
      this.isEndedHere = true;
      this.closeCode = code;
    }
    this.#try(() => this.face?.terminate(code, reason));
    this.checkStatus();
  }

  /** Ends the connection without a close frame. */
  destroy(): void {
    if (this.face === undefined) return;
    this.isEndedHere = true;
    this.#try(() => this.face?.destroy());
    this.checkStatus();
  }

  /** Waits until the peer has caught up. */
  async drained(): Promise<void> {
    if (this.face === undefined) return;
    this.pendingDrained++;
    await this.face.drained();
    this.pendingDrained--;
  }

  /** Lets the oldest waiting callback go on, or fail. */
  openGate(rejects: boolean): void {
    const gate = this.#gates.shift();
    if (gate === undefined) return;
    if (rejects) this.#fails();
    if (rejects) gate.reject(new Error(BOOM));
    else gate.resolve();
  }

  /** Checks that the status goes forward only. */
  checkStatus(): void {
    if (this.face === undefined) return;
    const rank = RANKS.indexOf(this.face.status);
    if (rank < this.#rank) this.#violate(`went from ${RANKS[this.#rank]} back to ${this.face.status}`);
    this.#rank = rank;
    if (rank === 3 && this.terminated === undefined) this.#violate('was Closed before onTerminate');
  }

  /** Checks that a connection that is over accepts every call, and does nothing. */
  useAfterEnd(): void {
    const { face } = this;
    if (face === undefined) return;
    const status = this.#try(() => face.send('after the end'));
    if (status !== 'dropped') this.#violate(`was Closed, and send returned ${status}`);
    this.#try(() => face.terminate(4000, 'again'));
    this.#try(() => face.destroy());
    void this.drained();
    if (face.bufferedBytes !== 0) this.#violate(`was Closed, and ${face.bufferedBytes} bytes wait`);
    this.checkStatus();
  }

  #run(name: CallbackName): unknown {
    if (this.#running !== undefined) this.#violate(`${name} began within ${this.#running}`);
    if (this.calls.length === 0 ? name !== 'onOpen' : name === 'onOpen')
      this.#violate(`${name} was call ${this.calls.length}`);
    const last = this.calls.at(-1);
    if (last === 'onTerminate') this.#violate(`${name} came after onTerminate`);
    if (last === 'onError' && name !== 'onTerminate') this.#violate(`${name} came after onError`);
    this.calls.push(name);
    this.checkStatus();
    const { value: reaction } = this.#reactions.next() as { value: Reaction | undefined };
    switch (reaction?.does) {
      case 'throw':
        this.#fails();
        throw new Error(BOOM);
      case 'send':
        this.send(reaction.draft);
        return undefined;
      case 'terminate':
        this.terminate(4001, name);
        return undefined;
      case 'await a gate':
        return this.#whileRunning(
          name,
          new Promise<void>((resolve, reject) => {
            this.#gates.push({ resolve, reject });
          }),
        );
      case 'await a microtask':
        return this.#whileRunning(name, Promise.resolve());
      case 'await drained':
        return this.#whileRunning(name, this.drained());
      default:
        return undefined;
    }
  }

  async #whileRunning(name: CallbackName, promise: Promise<void>): Promise<void> {
    this.#running = name;
    try {
      await promise;
    } finally {
      this.#running = undefined;
    }
  }

  #fails(): void {
    this.isEndedHere = true;
  }

  #try<T>(act: () => T): T | undefined {
    try {
      return act();
    } catch (error) {
      this.#violate(`threw ${String(error)}`);
      return undefined;
    }
  }

  #violate(what: string): void {
    this.violations.push(`${this.name} ${what} (calls: ${this.calls.join(' ')})`);
  }
}
