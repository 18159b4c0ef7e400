import type { DataType, ErrorEvent, MessageEvent, SendStatus, Status, TerminateEvent } from '../../src/index.ts';
import { messageOf } from './message.ts';
import type { Pace } from './pace.ts';
import type { ConnectionPlan, SideName, SidePlan } from './plan.ts';
import { createRandom } from './random.ts';
import { StreamCheck } from './stream-check.ts';

/** The record of one side of a connection that has ended. */
export interface SideRecord {
  readonly id: number;
  readonly side: SideName;
  /** Messages that were sent and not dropped. */
  readonly sent: number;
  /** Messages that came in order and unchanged. */
  readonly received: number;
  readonly receivedLength: number;
  /** Number of times that sending had to wait for the peer. */
  readonly waits: number;
  /** The first problem with a message that came. */
  readonly problem: string | undefined;
  readonly code: number;
  readonly wasClean: boolean;
  /** Code and text of onError. */
  readonly error: string | undefined;
}

/** The members that a talker needs of a WebSocket or WebSocketConnection. */
interface SocketLike {
  readonly status: Status;
  send(message: string | Buffer | object): SendStatus;
  drained(): Promise<void>;
  terminate(code: number, reason: string): void;
}

/** The process of a talker, as the talker sees it. */
export interface TalkerOwner {
  readonly pace: Pace;
  /** Resets the TCP connection. */
  reset(id: number): void;
  onMessage(length: number): void;
  onDone(record: SideRecord): void;
}

/** Close codes by the kind of ending; when both sides close, each has its own. */
export const CLOSE_CODES = { agreed: 4000, early: 4001, client: 4002, server: 4003 } as const;

/** One side of a connection, client or server: sends, checks what it receives, and ends the connection as planned. */
export class Talker {
  readonly dataType: DataType;
  readonly #plan: ConnectionPlan;
  readonly #side: SideName;
  readonly #own: SidePlan;
  readonly #owner: TalkerOwner;
  readonly #check: StreamCheck;
  readonly #random: () => number;
  #sent = 0;
  #waits = 0;
  #error: string | undefined;

  constructor(plan: ConnectionPlan, side: SideName, owner: TalkerOwner) {
    this.dataType = plan.dataType;
    this.#plan = plan;
    this.#side = side;
    this.#own = plan[side];
    this.#owner = owner;
    this.#check = new StreamCheck(plan, side === 'client' ? 'server' : 'client');
    this.#random = createRandom(plan.seed ^ plan.id);
  }

  onOpen(ws: SocketLike): void {
    void this.#talk(ws);
  }

  onMessage(ws: SocketLike, { data }: MessageEvent<unknown>): Promise<void> | undefined {
    const before = this.#check.receivedLength;
    this.#check.take(data);
    this.#owner.onMessage(this.#check.receivedLength - before);
    this.#closeWhenAgreed(ws);
    const { listening } = this.#own;
    if (listening === 'in turns') return new Promise((resolve) => setImmediate(resolve));
    if (listening === 'with stops' && this.#random() < 0.1) return this.#owner.pace.pause(this.#random() / 2);
    return undefined;
  }

  onError(_: unknown, { error }: ErrorEvent): void {
    this.#error = `${error.code}: ${error.message}`;
  }

  onTerminate(_: unknown, { code, wasClean }: TerminateEvent): void {
    const { received, receivedLength, problem } = this.#check;
    this.#owner.onDone({
      id: this.#plan.id,
      side: this.#side,
      sent: this.#sent,
      received,
      receivedLength,
      waits: this.#waits,
      problem,
      code,
      wasClean,
      error: this.#error,
    });
  }

  async #talk(ws: SocketLike): Promise<void> {
    const { messages, cut, burst } = this.#own;
    const { ending, ender } = this.#plan;
    const isEnding = ending === 'both' || (ending !== 'agreed' && ender === this.#side);
    for (let n = 0; n < messages; n++) {
      if (isEnding && n === cut) {
        this.#end(ws);
        return;
      }
      if (n > 0 && n % burst === 0) await this.#owner.pace.pause(this.#random());
      const status = ws.send(messageOf(this.#plan, this.#side, n).sent);
      if (status === 'dropped') return;
      this.#sent++;
      if (status === 'sent') continue;
      this.#waits++;
      await ws.drained();
    }
    this.#closeWhenAgreed(ws);
  }

  #end(ws: SocketLike): void {
    const { ending, id } = this.#plan;
    if (ending === 'reset') this.#owner.reset(id);
    else ws.terminate(CLOSE_CODES[ending === 'both' ? this.#side : 'early'], 'in the middle');
  }

  #closeWhenAgreed(ws: SocketLike): void {
    const { ending, ender } = this.#plan;
    if (ending !== 'agreed' || ender !== this.#side || ws.status !== 'Connected') return;
    if (this.#sent === this.#own.messages && this.#check.isComplete) ws.terminate(CLOSE_CODES.agreed, 'all sent');
  }
}
