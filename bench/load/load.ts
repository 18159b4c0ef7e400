import { performance } from 'node:perf_hooks';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Pace, type PacedExchange, type Pacing, startPace } from './pace.ts';

export interface Link {
  /** Position among the links of the load, which sets it. */
  index: number;
  /** Messages without an answer; the load counts them. */
  outstanding: number;
  rest: number;
  send(count: number): void;
  /** Ends the connection with a reset, so that thousands of them leave no port in TIME_WAIT. */
  close(): void;
}

export const NO_MESSAGES = { index: 0, outstanding: 0, rest: 0 } as const;

/** The messages that links received, and the times until all links had them, and the first link the last burst. */
export type Exchange = Readonly<Record<'messages' | 'elapsedMs' | 'firstMs', number>>;

const CONCURRENT_HANDSHAKES = 32;
const DRAIN_TIMEOUT_MS = 60_000;
const SURPLUS_WAIT_MS = 50;

/**
 * Keeps messages flowing on links, and counts. Nothing is in flight when a measurement begins and ends, so the counted
 * messages are exactly the sent messages. The first failure rejects what runs, and all that comes later.
 */
export class Load {
  readonly links: Link[] = [];
  /** The link whose messages go to all links; undefined when each message is answered on its own link. */
  sender: Link | undefined;
  fail: (reason: string) => void = () => {};
  readonly #drainTimeoutMs: number;
  readonly #failed: Promise<never>;
  #pace: Pace | undefined;
  #isFlowing = false;
  #answered = 0;
  #left = 0;
  #burstAt = 0;
  #firstAt = 0;
  #onAll: () => void = () => {};

  constructor(drainTimeoutMs: number = DRAIN_TIMEOUT_MS) {
    this.#drainTimeoutMs = drainTimeoutMs;
    this.#failed = new Promise((_, reject) => {
      this.fail = (reason) => reject(new Error(reason));
    });
    // A failure while nobody waits rejects the next wait.
    this.#failed.catch(() => {});
  }

  guard<T>(work: Promise<T>): Promise<T> {
    return Promise.race([this.#failed, work]);
  }

  /** Opens links beside those that are open. The result counts handshakes. */
  async open(count: number, connect: (number: number) => Promise<Link>): Promise<Exchange> {
    const beganAt = performance.now();
    let begun = 0;
    const openOthers = async (): Promise<void> => {
      while (begun < count) {
        const link = await connect(begun++);
        link.index = this.links.push(link) - 1;
      }
    };
    await this.guard(Promise.all(Array.from({ length: Math.min(CONCURRENT_HANDSHAKES, count) }, openOthers)));
    return { messages: count, elapsedMs: performance.now() - beganAt, firstMs: 0 };
  }

  /** Lets messages flow, `burst` of each sending link at a time, or a single burst, and waits for the last answer. */
  async run(durationMs: number, burst: number, receivers: readonly Link[] = this.links): Promise<Exchange> {
    const sendBurst = (): void => {
      for (const link of receivers) link.outstanding = burst;
      this.#left = burst * receivers.length;
      this.#burstAt = performance.now();
      this.#firstAt = 0;
      if (this.sender !== undefined) this.sender.send(burst);
      else for (const link of receivers) link.send(burst);
    };
    this.#answered = 0;
    this.#isFlowing = durationMs > 0;
    const beganAt = performance.now();
    const done = new Promise<void>((resolve) => {
      this.#onAll = sendBurst;
      const drain = (): void => {
        const lose = (): void => this.fail(`messages lost: ${this.#left} of ${this.#answered + this.#left}`);
        const timer = setTimeout(lose, this.#drainTimeoutMs);
        this.#isFlowing = false;
        this.#onAll = () => {
          clearTimeout(timer);
          resolve();
        };
      };
      if (this.#isFlowing) setTimeout(drain, durationMs);
      else drain();
      sendBurst();
    });
    await this.guard(done);
    const elapsedMs = performance.now() - beganAt;
    return { messages: this.#answered, elapsedMs, firstMs: this.#firstAt - this.#burstAt };
  }

  async pace(pacing: Pacing): Promise<PacedExchange> {
    this.#pace = startPace(this.links, pacing, this.#drainTimeoutMs);
    const result = await this.guard(this.#pace.result);
    this.#pace = undefined;
    return result;
  }

  /** Rejects when superfluous bytes come after the last counted answer. */
  async verify(): Promise<void> {
    await this.guard(sleep(SURPLUS_WAIT_MS));
    if (this.links.some(({ rest }) => rest !== 0)) throw new Error('bytes came that belong to no answer');
  }

  close(): void {
    for (const link of this.links) link.close();
  }

  /** A link calls this when answers have come, which it has compared with what must come. */
  onAnswers(link: Link, count: number): void {
    link.outstanding -= count;
    if (link.outstanding < 0) this.fail('more answers than messages');
    else if (this.#pace !== undefined) this.#pace.onAnswers(link, count);
    else {
      if (this.#firstAt === 0) this.#firstAt = performance.now();
      this.#answered += count;
      if (this.#isFlowing && this.sender === undefined) {
        link.outstanding += count;
        link.send(count);
      } else if ((this.#left -= count) === 0) this.#onAll();
    }
  }
}
