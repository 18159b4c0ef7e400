import { performance } from 'node:perf_hooks';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Exchange } from './exchange.ts';
import { Failure } from './failure.ts';
import { openInTurn } from './open-in-turn.ts';
import { type Quantiles, quantilesOf } from './quantiles.ts';
import { RawConnection, type RawListener } from './raw-connection.ts';
import { SharedStream } from './shared-stream.ts';
import { clientFrame, DIALECTS, type DialectName, readFrames, type Session, textOf } from './topic-dialect.ts';

export interface TopicPlan {
  readonly port: number;
  readonly dialect: DialectName;
  readonly connections: number;
  /** What each connection joins. */
  readonly topics: readonly string[];
  /** Size of a text in each message. */
  readonly bytes: number;
}

/** Times in ms until the first and the last connection had a message. */
export interface DeliveryTimes {
  readonly first: Quantiles;
  readonly last: Quantiles;
}

/** What a process with subscribers is asked to do. */
export interface TopicLoadCalls {
  /** Opens a connection that publishes, and those that join. */
  openTopics(plan: TopicPlan): Promise<Exchange>;
  /** Lets messages flow, so many in each turn of the server. The result counts deliveries. */
  flow(task: { readonly durationMs: number; readonly burst: number }): Promise<Exchange>;
  timeDeliveries(count: number): Promise<DeliveryTimes>;
  /** So many connections stop reading, and the others get so many messages. */
  stall(task: { readonly readers: number; readonly count: number }): Promise<void>;
  /** Those that had stopped read everything. The result is the time of that in ms. */
  catchUp(nothing: null): Promise<number>;
  /** All lose their connections, miss so many messages, and come back. The result is the time of that in ms. */
  comeBack(count: number): Promise<number>;
}

const GAP_MS = 20;
const TIMEOUT_MS = 60_000;

/** A connection that has joined, or is about to. */
interface Member {
  readonly topics: readonly string[];
  /** The session that it came back with, then its own. */
  session: Session | undefined;
  rest: Buffer;
  /** Topics that it is not in yet. */
  missing: number;
  onReady(): void;
  /** Bytes since the beginning of the current exchange. */
  received: number;
  /** Messages since it came back; only counted then. */
  count: number;
}

/** Subscribers that compare every byte: what one of them gets is parsed and must be in order, and all get the same bytes. */
export class TopicLoad implements RawListener {
  readonly #failure = new Failure();
  #plan: TopicPlan | undefined;
  readonly #members = new Map<RawConnection, Member>();
  #publisher: RawConnection | undefined;
  readonly #stream = new SharedStream((text) => this.#numberOf(text));
  /** Messages that were published, and those of which the first connection has the bytes. */
  #sent = 0;
  #parsed = 0;
  /** Connections that have not got all messages of the exchange. */
  #waiting = 0;
  /** How each message looks that clients missed. */
  #replayed: readonly Buffer[] = [];
  #isReplaying = false;
  #firstAt = 0;
  #onAll: () => void = () => {};
  /** What came before its connection was known. */
  readonly #early = new Map<RawConnection, Buffer>();
  #position = '';

  async openTopics(plan: TopicPlan): Promise<Exchange> {
    this.#plan = plan;
    const beganAt = performance.now();
    if (this.#publisher === undefined) {
      this.#publisher = await this.#failure.guard(this.#open([], undefined));
      this.#members.delete(this.#publisher);
    }
    await this.#openAll(() => undefined);
    return { messages: plan.connections, elapsedMs: performance.now() - beganAt };
  }

  async flow({ durationMs, burst }: { readonly durationMs: number; readonly burst: number }): Promise<Exchange> {
    const beganAt = performance.now();
    let messages = 0;
    while (performance.now() - beganAt < durationMs) {
      this.#reset();
      await this.#exchange(burst, this.#members.size);
      messages += burst * this.#members.size;
    }
    return { messages, elapsedMs: performance.now() - beganAt };
  }

  async timeDeliveries(count: number): Promise<DeliveryTimes> {
    const first = new Float64Array(count);
    const last = new Float64Array(count);
    for (let i = 0; i < count; i++) {
      await sleep(GAP_MS);
      this.#reset();
      const beganAt = performance.now();
      this.#firstAt = 0;
      await this.#exchange(1, this.#members.size);
      last[i] = performance.now() - beganAt;
      first[i] = this.#firstAt - beganAt;
    }
    return { first: quantilesOf(first, 1), last: quantilesOf(last, 1) };
  }

  async stall({ readers, count }: { readonly readers: number; readonly count: number }): Promise<void> {
    const all = [...this.#members.keys()];
    for (const connection of all.slice(0, readers)) connection.pause();
    this.#reset();
    for (let i = 0; i < count; i++) await this.#exchange(1, all.length - readers);
    this.#waiting = readers;
  }

  async catchUp(): Promise<number> {
    const beganAt = performance.now();
    const done = this.#all();
    for (const connection of this.#members.keys()) connection.resume();
    await done;
    return performance.now() - beganAt;
  }

  async comeBack(count: number): Promise<number> {
    // What a client has seen last is what it comes back with.
    this.#reset();
    await this.#exchange(1, this.#members.size);
    const sessions = [...this.#members.values()].map(({ session }) => ({
      id: session?.id ?? '',
      position: this.#position,
    }));
    for (const connection of this.#members.keys()) connection.reset();
    this.#members.clear();
    await sleep(1000);
    this.#replayed = Array.from({ length: count }, (_, i) => Buffer.from(`"n":${this.#sent + 1 + i},`));
    this.#publish(count);
    await sleep(500);
    this.#isReplaying = true;
    this.#waiting = sessions.length;
    const beganAt = performance.now();
    const done = this.#all();
    await this.#openAll((number) => sessions[number]);
    await done;
    this.#isReplaying = false;
    return performance.now() - beganAt;
  }

  close(): void {
    this.#publisher?.reset();
    for (const connection of this.#members.keys()) connection.reset();
  }

  // RawListener

  onBytes(connection: RawConnection, count: number, bytes: Uint8Array): void {
    try {
      const chunk = Buffer.from(bytes.buffer, bytes.byteOffset, count);
      const member = this.#members.get(connection);
      if (member === undefined) {
        if (connection !== this.#publisher) this.#early.set(connection, Buffer.from(chunk));
      } else if (member.missing > 0 || this.#isReplaying) this.#read(connection, member, chunk);
      else this.#compare(member, chunk);
    } catch (error) {
      this.#failure.fail(error instanceof Error ? error.message : String(error));
    }
  }

  onLost(reason: string): void {
    this.#failure.fail(`connection lost: ${reason}`);
  }

  get #dialect(): (typeof DIALECTS)[DialectName] {
    return DIALECTS[this.#given.dialect];
  }

  get #given(): TopicPlan {
    if (this.#plan === undefined) throw new Error('no connections are open');
    return this.#plan;
  }

  #openAll(sessionOf: (number: number) => Session | undefined): Promise<void> {
    const { connections, topics } = this.#given;
    const open = async (number: number): Promise<void> => {
      await this.#open(topics, sessionOf(number));
    };
    return this.#failure.guard(openInTurn(connections, open));
  }

  async #open(topics: readonly string[], session: Session | undefined): Promise<RawConnection> {
    const request = this.#dialect.request(session);
    const connection = await RawConnection.open({ port: this.#given.port, isCompressed: false, request }, this);
    await new Promise<void>((resolve) => {
      const missing = Math.max(topics.length, 1);
      const rest = Buffer.alloc(0);
      this.#members.set(connection, { topics, session, rest, missing, received: 0, count: 0, onReady: resolve });
      const early = this.#early.get(connection);
      this.#early.delete(connection);
      if (early !== undefined) this.onBytes(connection, early.length, early);
    });
    return connection;
  }

  /** Reads what a server says until a connection has joined, and what it is given when it comes back. */
  #read(connection: RawConnection, member: Member, chunk: Buffer): void {
    const bytes = member.rest.length === 0 ? chunk : Buffer.concat([member.rest, chunk]);
    const length = readFrames(bytes, (payload) => {
      // Socket.IO gives what was missed before it says that the session was recovered.
      if (payload.includes('"n":')) this.#countReplayed(member, payload);
      else if (member.missing > 0) this.#begin(connection, member, payload.toString());
    });
    member.rest = Buffer.from(bytes.subarray(length));
  }

  #begin(connection: RawConnection, member: Member, text: string): void {
    const { answer, session, joined = 0, position = '' } = this.#dialect.read(text, member.topics, member.session);
    if (answer !== undefined) connection.write(clientFrame(answer));
    if (session !== undefined && member.session === undefined) member.session = { id: session, position };
    member.missing -= member.topics.length === 0 && session !== undefined ? 1 : joined;
    if (member.missing === 0) member.onReady();
  }

  #countReplayed(member: Member, payload: Buffer): void {
    const wanted = this.#replayed[member.count++];
    if (wanted === undefined || !payload.includes(wanted))
      throw new Error('what a client missed came in another order');
    if (member.count === this.#replayed.length) this.#arrive();
  }

  #compare(member: Member, chunk: Buffer): void {
    this.#firstAt ||= performance.now();
    this.#stream.take(member.received, chunk);
    member.received += chunk.length;
    if (this.#stream.isWhole && member.received === this.#stream.length && this.#parsed === this.#sent) this.#arrive();
  }

  #numberOf(text: string): void {
    const { data, position } = this.#dialect.read(text, [], undefined);
    if (data?.n !== ++this.#parsed) throw new Error(`message ${this.#parsed} was to come: ${text}`);
    this.#position = position ?? '';
  }

  #arrive(): void {
    if (--this.#waiting === 0) this.#onAll();
    else if (this.#waiting < 0) throw new Error('more came than was sent');
  }

  /** Publishes messages together, and waits until so many connections have them. */
  #exchange(count: number, receivers: number): Promise<void> {
    this.#waiting = receivers;
    const done = this.#all();
    this.#publish(count);
    return done;
  }

  #all(): Promise<void> {
    const all = new Promise<void>((resolve, reject) => {
      const timeout = setTimeout(() => reject(new Error(`${this.#waiting} connections wait for messages`)), TIMEOUT_MS);
      this.#onAll = () => {
        clearTimeout(timeout);
        resolve();
      };
    });
    return this.#failure.guard(all);
  }

  #publish(count: number): void {
    const frames: Buffer[] = [];
    for (let i = 0; i < count; i++) {
      const text = textOf(this.#given.bytes);
      frames.push(clientFrame(this.#dialect.message({ n: ++this.#sent, text })));
    }
    this.#publisher?.write(Buffer.concat(frames));
  }

  #reset(): void {
    this.#stream.reset();
    for (const member of this.#members.values()) member.received = 0;
  }
}
