import { randomBytes } from 'node:crypto';
import { performance } from 'node:perf_hooks';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Socket } from 'node:net';
import { DIALECTS, type Session } from './dialects.ts';
import { frameOf, readFrames, TEXT } from './frames.ts';
import { type Exchange, type Link, type Load, NO_MESSAGES } from './load.ts';
import { openRaw, reset } from './raw.ts';

export interface TopicPlan {
  readonly port: number;
  readonly dialect: keyof typeof DIALECTS;
  readonly connections: number;
  readonly topics: readonly string[];
  /** Size of a text in each message. */
  readonly bytes: number;
}

interface Member extends Link {
  readonly socket: Socket;
  readonly sessionId: string;
  /** Bytes and messages of those that all members must get. */
  received: number;
  messages: number;
}

/**
 * Subscribers, and one connection that publishes, which is the sender of the load. What the first subscriber gets is
 * parsed and must be in order; the others must get the same bytes.
 */
export class TopicLoad {
  readonly #load: Load;
  #plan: TopicPlan | undefined;
  /** The bytes that each member must get, since all had everything. */
  #bytes: Buffer = Buffer.allocUnsafe(1_048_576);
  #length = 0;
  #ends: number[] = [];
  #sent = 0;
  #parsed = 0;
  #position = '';
  #onReplayed: () => unknown = () => {};

  constructor(load: Load) {
    this.#load = load;
  }

  async open(plan: TopicPlan): Promise<Exchange> {
    this.#plan = plan;
    if (this.#load.sender === undefined) {
      const publisher = await this.#load.guard(this.#join([]));
      this.#load.sender = { ...publisher, send: (count) => this.#publish(publisher, count) };
    }
    return this.#load.open(plan.connections, () => this.#join(plan.topics));
  }

  /** Some stop reading, while the others get so many messages. */
  async stall({ readers, count }: { readonly readers: number; readonly count: number }): Promise<void> {
    for (const member of this.#members.slice(0, readers)) {
      member.socket.pause();
      member.outstanding = count;
    }
    for (let i = 0; i < count; i++) await this.#load.run(0, 1, this.#load.links.slice(readers));
  }

  /** Those that had stopped read everything. Returns the time of that in ms. */
  async catchUp(readers: number): Promise<number> {
    const beganAt = performance.now();
    const slow = this.#members.slice(0, readers);
    for (const { socket } of slow) socket.resume();
    while (slow.some(({ outstanding }) => outstanding > 0)) await this.#load.guard(sleep(1));
    return performance.now() - beganAt;
  }

  /** All lose their connections, miss so many messages, and come back. Returns the time of that in ms. */
  async comeBack(count: number): Promise<number> {
    await this.#load.run(0, 1);
    const sessions = this.#members.map(({ sessionId }) => ({ id: sessionId, position: this.#position }));
    for (const link of this.#load.links.splice(0)) link.close();
    await sleep(1000);
    const missed = Array.from({ length: count }, (_, i) => Buffer.from(`"n":${this.#sent + 1 + i},`));
    this.#load.sender?.send(count);
    await sleep(500);
    const { topics = [] } = this.#plan ?? {};
    const beganAt = performance.now();
    const done = new Promise<void>((resolve) => {
      let waiting = sessions.length;
      this.#onReplayed = () => --waiting === 0 && resolve();
    });
    await this.#load.open(sessions.length, (number) => this.#join(topics, sessions[number], missed));
    await this.#load.guard(done);
    return performance.now() - beganAt;
  }

  get #members(): readonly Member[] {
    return this.#load.links as readonly Link[] as readonly Member[];
  }

  /** Opens a connection and joins, or waits for a session. What it has missed comes in frames of its own. */
  async #join(topics: readonly string[], session?: Session, missed: readonly Buffer[] = []): Promise<Member> {
    const { port, dialect } = this.#plan as TopicPlan;
    const spoken = DIALECTS[dialect];
    let rest: Buffer = Buffer.alloc(0);
    let [missing, replayed, sessionId] = [Math.max(topics.length, 1), 0, ''];
    let member: Member | undefined;

    return new Promise((resolve) => {
      const onText = (payload: Buffer, socket: Socket): void => {
        // Socket.IO gives what was missed before it says that the session was recovered.
        if (payload.includes('"n":')) {
          if (!payload.includes(missed[replayed++] ?? '?')) throw new Error('a missed message came in another order');
        } else {
          const meaning = spoken.read(payload.toString(), topics, session);
          if (meaning.answer !== undefined) socket.write(frameOf(Buffer.from(meaning.answer), TEXT, true));
          sessionId = meaning.session ?? sessionId;
          missing -= topics.length === 0 && meaning.session !== undefined ? 1 : (meaning.joined ?? 0);
        }
        if (replayed === missed.length && missed.length > 0) this.#onReplayed();
        if (missing > 0 || member !== undefined) return;
        const close = (): void => reset(socket);
        member = { ...NO_MESSAGES, received: 0, messages: 0, socket, sessionId, close, send() {} };
        resolve(member);
      };
      const onBytes = (count: number, bytes: Uint8Array, socket: Socket): void => {
        const chunk = Buffer.from(bytes.buffer, bytes.byteOffset, count);
        if (member !== undefined && session === undefined && topics.length > 0) this.#take(member, chunk);
        else {
          const all = Buffer.concat([rest, chunk]);
          rest = all.subarray(readFrames(all, false, (payload) => onText(payload, socket)));
        }
      };
      void openRaw(this.#load, { port, request: spoken.request(session) }, onBytes);
    });
  }

  #take(member: Member, chunk: Buffer): void {
    this.#compare(member.received, chunk);
    member.received += chunk.length;
    const before = member.messages;
    while ((this.#ends[member.messages] ?? Infinity) <= member.received) member.messages++;
    member.rest = member.received - (this.#ends[member.messages - 1] ?? 0);
    if (member.messages > before) this.#load.onAnswers(member, member.messages - before);
  }

  /** @throws Error when what one member got behind its first `at` bytes is not what another one got */
  #compare(at: number, chunk: Buffer): void {
    const known = Math.min(chunk.length, this.#length - at);
    if (this.#bytes.compare(chunk, 0, known, at, at + known) !== 0) throw new Error('two connections got other bytes');
    if (known === chunk.length) return;
    const length = at + chunk.length;
    if (length > this.#bytes.length) this.#bytes = Buffer.concat([this.#bytes], length * 2);
    chunk.copy(this.#bytes, this.#length, known);
    this.#length = length;
    const begin = this.#ends.at(-1) ?? 0;
    readFrames(this.#bytes.subarray(begin, length), false, (payload, _, end) => {
      const text = payload.toString();
      const { n, position = '' } = DIALECTS[(this.#plan as TopicPlan).dialect].read(text, [], undefined);
      if (n !== ++this.#parsed) throw new Error(`message ${this.#parsed} was to come: ${text}`);
      this.#position = position;
      this.#ends.push(begin + end);
    });
  }

  /** Publishes messages whose texts all differ, so that no server can do the work of two messages once. */
  #publish({ socket }: Member, count: number): void {
    const { dialect, bytes } = this.#plan as TopicPlan;
    if (this.#members.every(({ received }) => received === this.#length)) {
      [this.#length, this.#ends] = [0, []];
      for (const member of this.#members) [member.received, member.messages] = [0, 0];
    }
    const frames = Array.from({ length: count }, () => {
      const text = randomBytes(Math.ceil(bytes / 2)).toString('hex');
      return frameOf(Buffer.from(DIALECTS[dialect].message({ n: ++this.#sent, text })), TEXT, true);
    });
    socket.write(Buffer.concat(frames));
  }
}
