import type { DataType, ErrorEvent, MessageEvent, SendStatus, Status, TerminateEvent } from '../../src/index.ts';
import { messageOf } from './message.ts';
import type { Pace } from './pace.ts';
import type { ConnectionPlan, SideName, SidePlan } from './plan.ts';
import { createRandom } from './random.ts';
import { StreamCheck } from './stream-check.ts';

/** What became of a connection, as one side saw it. */
export interface SideRecord {
  readonly id: number;
  readonly side: SideName;
  /** Messages that were sent: not dropped. */
  readonly sent: number;
  /** Messages that came, in order and as they were sent. */
  readonly received: number;
  readonly receivedLength: number;
  /** How often sending had to wait for the peer. */
  readonly waits: number;
  /** The first message that was not what it had to be. */
  readonly problem: string | undefined;
  readonly code: number;
  readonly wasClean: boolean;
  /** Code and text of onError. */
  readonly error: string | undefined;
}

/** Either face of a connection, as far as a talker needs it. */
interface Face {
  readonly status: Status;
  send(message: string | Buffer | object): SendStatus;
  drained(): Promise<void>;
  terminate(code: number, reason: string): void;
}

/** What happens between a talker and the process it is in. */
export interface TalkerOwner {
  readonly pace: Pace;
  /** Resets the TCP connection. */
  reset(id: number): void;
  onMessage(length: number): void;
  onDone(record: SideRecord): void;
}

/** The codes of the four ways to close: one for each side where both may. */
export const CLOSE_CODES = { agreed: 4000, early: 4001, client: 4002, server: 4003 } as const;

/** One end of a connection, client or server: sends, checks what comes, and ends the connection as planned. */
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

  onOpen(ws: Face): void {
    void this.#talk(ws);
  }

  onMessage(ws: Face, { data }: MessageEvent<unknown>): Promise<void> | undefined {
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

  async #talk(ws: Face): Promise<void> {
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

  #end(ws: Face): void {
    const { ending, id } = this.#plan;
    if (ending === 'reset') this.#owner.reset(id);
    else ws.terminate(CLOSE_CODES[ending === 'both' ? this.#side : 'early'], 'in the middle');
  }

  #closeWhenAgreed(ws: Face): void {
    const { ending, ender } = this.#plan;
    if (ending !== 'agreed' || ender !== this.#side || ws.status !== 'Connected') return;
    if (this.#sent === this.#own.messages && this.#check.isComplete) ws.terminate(CLOSE_CODES.agreed, 'all is said');
  }
}
