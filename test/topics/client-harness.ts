import { ClientTopics } from '../../src/topics/client-topics.ts';
import type { Subscription, TopicHandler } from '../../src/topics/topic-handler.ts';
import { findTopicProblem } from '../../src/topics/topic-name.ts';
import { FourDError } from '../../src/errors.ts';

export type Frame = Readonly<Record<string, unknown>>;

/** A client without a connection: the test is its server, its clock and its random numbers. */
export class FakeHost extends ClientTopics {
  /** The subprotocols of the next attempt. */
  readonly offered: string[];
  /** Frames that were sent, and not taken. */
  #sent: Frame[] = [];
  readonly messages: unknown[] = [];
  moves = 0;
  readonly aliveMs: unknown[] = [];
  readonly reports: string[] = [];
  /** How many callbacks of the last subscription wait, and how many calls for an answer. */
  waiting = 0;
  calls = 0;
  #nowMs = 0;
  #timers: { readonly atMs: number; readonly act: () => void }[] = [];
  #lastId = 0;

  constructor(...protocols: string[]) {
    const offered = ['4d-topics.1', ...protocols];
    super(offered);
    this.offered = offered;
  }

  /** Opens a connection. */
  override open(protocol = '4d-topics.1'): this {
    super.open(protocol);
    return this;
  }

  /** The server sends frames, each in a message of its own. */
  gets(...frames: object[]): this {
    for (const frame of frames) this.receive(JSON.stringify(frame));
    return this;
  }

  /** Takes the frames that were sent since the last call. */
  taken(): Frame[] {
    return this.#sent.splice(0);
  }

  /** Lets time pass. */
  pass(ms: number): void {
    this.#nowMs += ms;
    for (const timer of this.#timers.filter(({ atMs }) => atMs <= this.#nowMs)) {
      this.cancel(timer);
      timer.act();
    }
  }

  get timerCount(): number {
    return this.#timers.length;
  }

  override send(text: string): void {
    this.#sent.push(JSON.parse(text) as Frame);
  }

  override onMessage(data: unknown): void {
    this.messages.push(data);
  }

  protected override onFrame(frame: Frame): void {
    super.onFrame(frame);
    if (frame['t'] === 'hi') this.aliveMs.push(frame['aliveMs']);
  }

  override onMove(): void {
    this.moves++;
  }

  override onWaiting(_: Subscription, count: number): void {
    this.waiting = count;
  }

  override async ask<T>(...args: Parameters<typeof ClientTopics.prototype.ask<T>>): Promise<T> {
    this.calls++;
    try {
      return await super.ask(...args);
    } finally {
      this.calls--;
    }
  }

  override findProblem(topic: string): string | undefined {
    return topic === '@me' ? undefined : findTopicProblem(topic);
  }

  override call(handler: object, name: string, subject: object, event: object): PromiseLike<unknown> | undefined {
    const callback = (handler as Record<string, ((...args: object[]) => unknown) | undefined>)[name];
    const result = callback?.call(handler, subject, event);
    return result instanceof Promise ? result : undefined;
  }

  override report(name: string, thrown: unknown): void {
    this.reports.push(`${name}: ${String(thrown)}`);
  }

  override toError(...[code, message, details]: Parameters<ClientTopics['toError']>): FourDError {
    return new FourDError(code, message, details);
  }

  override after(ms: number, act: () => void): unknown {
    if (ms === Infinity) return undefined;
    const timer = { atMs: this.#nowMs + ms, act };
    this.#timers.push(timer);
    return timer;
  }

  override cancel(timer: unknown): void {
    this.#timers = this.#timers.filter((each) => each !== timer);
  }

  override toWire(data: object): string | Uint8Array {
    return data instanceof Uint8Array ? data : JSON.stringify(data);
  }

  override toBase64(bytes: Uint8Array): string {
    return Buffer.from(bytes).toString('base64');
  }

  override fromBase64(text: string): Uint8Array {
    if (!/^[\w+/]*=*$/.test(text)) throw new Error('not base 64');
    return Uint8Array.from(Buffer.from(text, 'base64'));
  }

  override randomId(): string {
    return `random-id-${String(++this.#lastId).padStart(6, '0')}`;
  }
}

/** Writes down what a subscription is told. */
export class TopicRecorder implements Required<Omit<TopicHandler, 'onMembers' | 'onJoin' | 'onLeave'>> {
  readonly seen: string[] = [];
  /** Called by each callback with its line; what it returns is awaited. */
  act: (line: string, subscription: Subscription) => unknown = () => undefined;

  #note(subscription: Subscription, line: string): unknown {
    this.seen.push(line);
    return this.act(line, subscription);
  }

  onSubscribed: TopicHandler['onSubscribed'] & {} = (sub, { state, reason, missed }) =>
    this.#note(sub, [state, ...(reason === undefined ? [] : [reason]), missed].join(' '));
  onMessage: TopicHandler['onMessage'] & {} = (sub, { data, isReplayed }) =>
    this.#note(sub, `${isReplayed ? 'replayed ' : ''}${JSON.stringify(data)}`);
  onLive: TopicHandler['onLive'] & {} = (sub, { count }) => this.#note(sub, `live ${count}`);
  onGap: TopicHandler['onGap'] & {} = (sub, { reason }) => this.#note(sub, `gap ${reason}`);
  onRefused: TopicHandler['onRefused'] & {} = (sub, { code }) => this.#note(sub, `refused ${code}`);
  onEnd: TopicHandler['onEnd'] & {} = (sub, { cause }) => this.#note(sub, `end ${cause}`);
}

/** Lets promises settle. */
export async function settle(): Promise<void> {
  await new Promise((resolve) => setImmediate(resolve));
}
