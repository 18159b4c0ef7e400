import type { Buffer } from 'node:buffer';
import { type Append, type Appended, BrokerError } from '../topics/broker.ts';
import { random32 } from '../topics/random.ts';
import { ANNOUNCE, APPEND, RAISE } from './scripts.ts';
import { type Link, type Reply, toBrokerError } from './link.ts';
import type { Names } from './names.ts';
import { newEpoch } from './reads.ts';
import { writeMeta } from './stored-entry.ts';

export type Outcome = Appended | BrokerError;

/** Most entries, and bytes of them, of one script: the server does nothing else meanwhile. */
const ENTRIES_PER_SCRIPT = 64;
const BYTES_PER_SCRIPT = 262_144;

/** Appends that wait until the fence is raised. */
interface Waiting {
  readonly appends: readonly Append[];
  readonly resolve: (outcomes: Outcome[] | Promise<Outcome[]>) => void;
}

/**
 * The appends of this node to one partition, behind a fence: each has a number, and the server stores number n only behind
 * number n - 1 of the same generation. So what is stored is always the first part of what was sent, and nothing that was
 * sent before a new generation began is stored later.
 *
 * @remarks A connection is lost, or an append is refused: then the fence is raised before anything else is sent. The answer
 * is the last number that is stored, so the fate of every append without an answer is known. What is not stored gets a new
 * number when it is given again.
 */
export class Partition {
  readonly #fence: string;
  readonly #names: Names;
  readonly #link: () => Link | undefined;
  readonly #onRefused: (error: BrokerError, link: Link) => void;
  #generation = 0;
  /** Number of the next append. */
  #next = 1;
  /** Last number that is known to be stored. */
  #stored = 0;
  #isRaised = false;
  #isRaising = false;
  /** Appends that were sent and have no answer, and their numbers. */
  readonly #doubtful = new Map<Append, number>();
  /** Appends that are stored, of which nobody was told. */
  readonly #found = new WeakSet<Append>();
  #waiting: Waiting[] = [];

  /**
   * @param link - the connection to the server that has the partition
   * @param onRefused - hears of answers that say something of the server
   */
  constructor(
    fence: string,
    names: Names,
    link: () => Link | undefined,
    onRefused: (error: BrokerError, link: Link) => void,
  ) {
    this.#fence = fence;
    this.#names = names;
    this.#link = link;
    this.#onRefused = onRefused;
  }

  /** The connection is lost: what was sent and not answered may be stored. */
  onLost(): void {
    this.#isRaised = false;
  }

  /** Stores appends in order. Never rejects. */
  append(appends: readonly Append[]): Promise<Outcome[]> {
    if (this.#isRaised && this.#waiting.length === 0) return this.#send(appends);
    return new Promise((resolve) => {
      this.#waiting.push({ appends, resolve });
      void this.#raise();
    });
  }

  async #raise(): Promise<void> {
    if (this.#isRaising) return;
    this.#isRaising = true;
    let error: BrokerError | undefined;
    const link = this.#link();
    try {
      if (link === undefined) throw new BrokerError('down', AWAY);
      const answer = Number(await link.run(RAISE, [this.#fence], [`${++this.#generation}`, `${this.#stored}`]));
      if (answer < 0) {
        this.#generation = -1 - answer;
        throw new BrokerError('down', 'the fence stands at a later generation');
      }
      // What is sent by another connection needs another generation.
      if (this.#link() !== link) throw new BrokerError('down', AWAY);
      this.#onRaised(answer);
    } catch (thrown) {
      error = toBrokerError(thrown);
      if (link !== undefined) this.#onRefused(error, link);
    }
    this.#isRaising = false;
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const { appends, resolve } of waiting) {
      if (error === undefined) resolve(this.#send(appends));
      else resolve(appends.map((append) => this.#withoutFence(append, error)));
    }
  }

  #onRaised(last: number): void {
    for (const [append, number] of this.#doubtful) if (number <= last) this.#found.add(append);
    this.#doubtful.clear();
    this.#stored = last;
    this.#next = last + 1;
    this.#isRaised = true;
  }

  /** What is known of an append when the fence could not be raised. */
  #withoutFence(append: Append, { code, message, cause }: BrokerError): Outcome {
    if (this.#takeFound(append)) return FOUND;
    // This attempt has not sent the append; an earlier connection may have.
    const isSent = this.#doubtful.has(append);
    return new BrokerError(isSent ? 'unknown' : code === 'unknown' ? 'down' : code, message, { cause });
  }

  /** Tells whether an append is stored by an earlier attempt. With an idempotency key the server can tell the place. */
  #takeFound(append: Append): boolean {
    return this.#found.delete(append) && append.idempotencyKey === undefined;
  }

  async #send(appends: readonly Append[]): Promise<Outcome[]> {
    const link = this.#link();
    const outcomes: Outcome[] = [];
    const scripts: Promise<void>[] = [];
    let run: Run | undefined;
    const flush = (): void => {
      if (run !== undefined && link !== undefined) scripts.push(this.#store(link, run, outcomes));
      run = undefined;
    };
    for (const [index, append] of appends.entries()) {
      if (link === undefined) outcomes[index] = this.#withoutFence(append, new BrokerError('down', AWAY));
      else if (isVolatile(append)) {
        flush();
        scripts.push(this.#announce(link, append, index, outcomes));
      } else if (this.#takeFound(append)) outcomes[index] = FOUND;
      else {
        if (run !== undefined && !hasRoom(run, append)) flush();
        run ??= { topic: append.topic, appends: [], indexes: [], bytes: 0 };
        run.appends.push(append);
        run.indexes.push(index);
        run.bytes += append.bytes.length;
      }
    }
    flush();
    await Promise.all(scripts);
    return outcomes;
  }

  async #store(link: Link, { topic, appends, indexes }: Run, outcomes: Outcome[]): Promise<void> {
    const names = this.#names;
    const generation = this.#generation;
    const first = this.#next;
    this.#next += appends.length;
    const last = this.#next - 1;
    const keys = [names.log(topic), names.state(topic), this.#fence];
    const values: (string | Buffer)[] = [`${generation}`, `${first}`, newEpoch(), names.channel(topic)];
    const tags: number[] = [];
    for (const [i, append] of appends.entries()) {
      this.#doubtful.set(append, first + i);
      const tag = random32();
      tags.push(tag);
      pushValues(values, append, tag);
      if (append.idempotencyKey !== undefined) keys.push(names.idempotency(topic, append.idempotencyKey));
    }
    let error: BrokerError | undefined;
    try {
      const reply = await link.run(APPEND, keys, values);
      if (Array.isArray(reply)) {
        const answers = reply as readonly Reply[];
        const epoch = String(answers[0]);
        for (const [i, index] of indexes.entries()) outcomes[index] = readOutcome(answers[i + 1], epoch, tags[i] ?? 0);
        this.#stored = Math.max(this.#stored, last);
      } else error = new BrokerError('down', 'an append in front of it was not carried out');
    } catch (thrown) {
      error = toBrokerError(thrown);
      this.#onRefused(error, link);
    }
    for (const [i, append] of appends.entries()) {
      if (error?.code !== 'unknown' && this.#doubtful.get(append) === first + i) this.#doubtful.delete(append);
    }
    if (error === undefined) return;
    if (generation === this.#generation) this.#isRaised = false;
    for (const index of indexes) outcomes[index] = error;
  }

  async #announce(link: Link, append: Append, index: number, outcomes: Outcome[]): Promise<void> {
    const { topic, bytes, ttl } = append;
    const values = [this.#names.channel(topic), bytes, writeMeta(append), toMilliseconds(ttl)];
    try {
      const epoch = String(await link.run(ANNOUNCE, [this.#names.state(topic)], values));
      outcomes[index] = { epoch, offset: 0, tag: 0, isDuplicate: false };
    } catch (thrown) {
      const error = toBrokerError(thrown);
      this.#onRefused(error, link);
      outcomes[index] = error;
    }
  }
}

const AWAY = 'the server is away';

/** The answer for an append that is stored, nobody knows where. */
const FOUND: Appended = { epoch: '', offset: 0, tag: 0, isDuplicate: false };

/** Appends to one topic that one script stores. */
interface Run {
  readonly topic: string;
  readonly appends: Append[];
  readonly indexes: number[];
  bytes: number;
}

function hasRoom({ topic, appends, bytes }: Run, append: Append): boolean {
  return (
    topic === append.topic && appends.length < ENTRIES_PER_SCRIPT && bytes + append.bytes.length <= BYTES_PER_SCRIPT
  );
}

function isVolatile({ isVolatile: isMarked = false, keep }: Append): boolean {
  return isMarked || keep.messages <= 0;
}

/** Adds the values of an entry, in the order in which the script takes them. */
function pushValues(values: (string | Buffer)[], append: Append, tag: number): void {
  const { keep, bytes, key, isRemoved, owner = '', ifOwner, ttl, idempotencyKey } = append;
  const keptMs = toMilliseconds(keep.seconds);
  // A topic must not be forgotten before its entries are.
  const lifeMs = toMilliseconds(Math.max(keep.seconds, keep.stateSeconds));
  values.push(bytes, writeMeta(append), `${tag}`, `${Math.min(keep.messages, MOST)}`, `${Math.min(keep.bytes, MOST)}`);
  values.push(keptMs, lifeMs, key === undefined ? '' : `${isRemoved ? '-' : '='}${key}`, owner);
  values.push(ifOwner === undefined ? '' : `=${ifOwner}`);
  values.push(toMilliseconds(ttl) + (idempotencyKey === undefined ? '' : 'i'));
}

const MOST = 2 ** 40;
const MOST_SECONDS = 10 * 365 * 86_400;

/** A time as scripts take it: whole milliseconds, `0` for none. */
function toMilliseconds(seconds: number | undefined): string {
  if (seconds === undefined) return '0';
  return `${Math.max(1, Math.ceil(Math.min(seconds, MOST_SECONDS) * 1000))}`;
}

/** @param tag - that of the entry if it was stored */
function readOutcome(answer: Reply | undefined, epoch: string, tag: number): Outcome {
  if (typeof answer === 'number') return { epoch, offset: answer, tag, isDuplicate: false };
  const text = String(answer);
  const parts = text.slice(1).split(' ');
  if (text.startsWith('k')) {
    return { epoch: parts[0] ?? '', offset: Number(parts[1]), tag: Number(parts[2]), isDuplicate: true };
  }
  return { epoch, offset: Number(parts[0]), tag: Number(parts[1]), isDuplicate: false, isSkipped: true };
}
