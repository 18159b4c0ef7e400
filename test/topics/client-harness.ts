import type { TopicsHost } from '../../src/topics/client-host.ts';
import { ClientTopics } from '../../src/topics/client-topics.ts';
import type { Subscription, TopicHandler } from '../../src/topics/topic-handler.ts';
import { FourDError } from '../../src/errors.ts';

export type Frame = Readonly<Record<string, unknown>>;

/** A client without a connection: the test is its server, its clock and its random numbers. */
export class FakeHost implements TopicsHost {
  readonly topics: ClientTopics = new ClientTopics(this);
  /** Frames that were sent, and not taken. */
  #sent: Frame[] = [];
  readonly messages: unknown[] = [];
  readonly moves: number[] = [];
  readonly aliveMs: number[] = [];
  readonly reports: string[] = [];
  maxWaiting = 4;
  isFull = false;
  #nowMs = 0;
  #timers: { readonly atMs: number; readonly act: () => void }[] = [];
  #lastId = 0;

  /** Opens a connection. */
  open(protocol = '4d-topics.1'): this {
    this.topics.open(protocol);
    return this;
  }

  /** The server sends frames, each in a message of its own. */
  receive(...frames: object[]): this {
    for (const frame of frames) this.topics.receive(JSON.stringify(frame));
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

  send(text: string): void {
    this.#sent.push(JSON.parse(text) as Frame);
  }

  onMessage(data: unknown): void {
    this.messages.push(data);
  }

  onHi(aliveMs: number): void {
    this.aliveMs.push(aliveMs);
  }

  onMove(afterMs: number): void {
    this.moves.push(afterMs);
  }

  onFlow(): void {
    this.isFull = this.topics.isFull && !this.topics.isAwaiting;
  }

  call(handler: object, name: string, subject: object, event: object): PromiseLike<unknown> | undefined {
    const callback = (handler as Record<string, ((...args: object[]) => unknown) | undefined>)[name];
    const result = callback?.call(handler, subject, event);
    return result instanceof Promise ? result : undefined;
  }

  report(name: string, thrown: unknown): void {
    this.reports.push(`${name}: ${String(thrown)}`);
  }

  toError(...[code, message, details]: Parameters<TopicsHost['toError']>): FourDError {
    return new FourDError(code, message, details);
  }

  after(ms: number, act: () => void): unknown {
    if (ms === Infinity) return undefined;
    const timer = { atMs: this.#nowMs + ms, act };
    this.#timers.push(timer);
    return timer;
  }

  cancel(timer: unknown): void {
    this.#timers = this.#timers.filter((each) => each !== timer);
  }

  toWire(data: object): string | Uint8Array {
    return data instanceof Uint8Array ? data : JSON.stringify(data);
  }

  toBase64(bytes: Uint8Array): string {
    return Buffer.from(bytes).toString('base64');
  }

  fromBase64(text: string): Uint8Array {
    if (!/^[\w+/]*=*$/.test(text)) throw new Error('not base 64');
    return Uint8Array.from(Buffer.from(text, 'base64'));
  }

  randomId(): string {
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

  onSubscribed: TopicHandler['onSubscribed'] & {} = (sub, { state, missed }) => this.#note(sub, `${state} ${missed}`);
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
