import { randomUUID } from 'node:crypto';
import { type Deadline, timers } from '../base/timers.ts';
import { follow } from '../base/promises.ts';
import { callbackFailed, type ErrorCode, FourDError } from '../errors.ts';
import { callHandler } from '../session/call-handler.ts';
import { warnOfCallbacks } from '../session/callback-warnings.ts';
import { toWire } from '../session/data-type.ts';
import { isThenable } from '../workers/worker.ts';
import { reportError } from '../workers/error-handling.ts';
import type { ClientSession } from './client-session.ts';
import { type SessionTopics, TopicSession } from './topic-session.ts';
import type { TopicErrorDetails } from '../topics/client-host.ts';
import { ClientTopics } from '../topics/client-topics.ts';
import type { RequestOptions, SubscribeOptions } from '../topics/client-types.ts';
import type { Loose } from '../topics/frame-data.ts';
import type { Publishable, Published, PublishOptions, Subscription, TopicHandler } from '../topics/topic-handler.ts';
import { TOPICS_PROTOCOL } from '../topics/frames.ts';
import { findTopicProblem } from '../topics/topic-name.ts';
import { checkPublish, checkRange, checkRequest, checkSubscribe } from './topic-arguments.ts';

/** A server that has not sent a frame for so many times `aliveMs` is dead. */
const ALIVE_FACTOR = 1.5;

/** What is told in Node beside the short texts that clients in browsers share. */
const REMEDIES: Readonly<Record<string, string>> = {
  'the server has no topics': `, or chose another subprotocol than ${TOPICS_PROTOCOL}: create it with the option topics: true`,
  'subscribed already': ': unsubscribe first, or use the subscription that there is',
  'the client is over': ': call reconnect(), or create another one',
  'too many calls': ' wait for an answer: at most 10 000',
  'no room': ' for a volatile message: there is no connection, or there were more in a second than the server takes',
};

const SENDABLE = 'pass a string, a number, true, false, null, an object, an array or bytes';

/** The topics of a client in Node. */
export class TopicClient extends ClientTopics implements SessionTopics {
  /** Whether a misspelt callback is warned of. */
  readonly #warns: boolean;
  /** How many calls wait for an answer. */
  #callCount = 0;
  /** Subscriptions of which too many callbacks wait. */
  readonly #full = new Set<Subscription>();
  /** Another session takes its place when the client begins another life. */
  #session!: TopicSession;
  #alive: AliveDeadline | undefined;

  /** @param warns - whether a misspelt callback of a handler is warned of */
  constructor(offered: string[], warns: boolean) {
    super(offered);
    this.#warns = warns;
  }

  get isFull(): boolean {
    return this.#full.size > 0;
  }

  /** Whether a call waits for its answer. */
  get isAwaiting(): boolean {
    return this.#callCount > 0;
  }

  /** Creates the session of the client. */
  createSession(...args: ConstructorParameters<typeof ClientSession>): ClientSession {
    return new TopicSession(this, ...args);
  }

  /** A life of the client begins. */
  attach(session: TopicSession): void {
    this.#session = session;
    this.begin();
  }

  /** Takes a text message of the server. */
  override receive(text: string): void {
    this.#alive?.noteFrame();
    super.receive(text);
  }

  /** The connection is lost, and another one follows. */
  override lose(): void {
    this.#alive?.stop();
    super.lose();
  }

  // What users call: a browser leaves these checks to the server, for its size

  override subscribe(topic: string, handler: TopicHandler, options: SubscribeOptions = {}): Subscription {
    checkSubscribe(handler, options);
    if (this.#warns) warnOfCallbacks(handler, 'topic');
    return super.subscribe(topic, handler, options);
  }

  override publish(topic: string, data: Publishable, options: PublishOptions = {}): Promise<Published> {
    try {
      checkPublish(options);
    } catch (error) {
      return Promise.reject(error);
    }
    return super.publish(topic, data, options);
  }

  override async request(data: Publishable, options: RequestOptions = {}): Promise<unknown> {
    checkRequest(options);
    return super.request(data, options);
  }

  // TopicsHost

  override send(text: string): void {
    this.#session.sendFrame(text);
  }

  override onMessage(data: unknown): void {
    this.#session.deliverFramed(data);
  }

  protected override onFrame(frame: Loose): void {
    super.onFrame(frame);
    if (frame['t'] === 'hi') this.#expect(frame['aliveMs']);
  }

  /** The server has told how often a frame comes at least. */
  #expect(aliveMs: unknown): void {
    this.#alive?.stop();
    if (!this.#session.needsAlive || typeof aliveMs !== 'number' || aliveMs <= 0) return;
    this.#alive = new AliveDeadline(aliveMs * ALIVE_FACTOR, (error) => this.#session.failConnection(error));
  }

  override onMove(): void {
    this.#session.move();
  }

  override onWaiting(subscription: Subscription, count: number): void {
    const isFull = this.isFull;
    if (count > this.#session.maxWaitingEvents) this.#full.add(subscription);
    else if (count === 0) this.#full.delete(subscription);
    if (isFull !== this.isFull) this.#session.onFlow();
  }

  override async ask<T>(...args: Parameters<typeof ClientTopics.prototype.ask<T>>): Promise<T> {
    const { t, topic: _topic, ...range } = args[0];
    if (t === 'hist') checkRange(range as object);
    if (this.#callCount++ === 0) this.#session.onFlow();
    try {
      return await super.ask(...args);
    } finally {
      if (--this.#callCount === 0) this.#session.onFlow();
    }
  }

  override call(handler: object, name: string, subject: object, event: object): PromiseLike<unknown> | undefined {
    const { scope } = this.#session;
    const call = (): PromiseLike<unknown> | undefined =>
      scope.run(() => {
        const result = callHandler(handler, name, subject, event);
        return isThenable(result) ? follow(result) : undefined;
      });
    if (scope.worker.isMain) return call();
    return new Promise((resolve, reject) => {
      scope.worker.runTask(async () => {
        try {
          resolve(await call());
        } catch (thrown) {
          reject(thrown);
        }
      });
    });
  }

  override report(name: string, thrown: unknown): void {
    reportError(callbackFailed(name, thrown), this.#session.scope.worker);
  }

  override findProblem(topic: string): string | undefined {
    return topic === '@me' ? undefined : findTopicProblem(topic);
  }

  override toError(code: ErrorCode, message: string, details?: TopicErrorDetails): FourDError {
    return new FourDError(code, message + (REMEDIES[message] ?? ''), { componentSignature: 'HTCL', ...details });
  }

  override after(ms: number, act: () => void): unknown {
    if (ms === Infinity) return undefined;
    const deadline: Deadline = { onDeadline: act };
    return { deadline, ticket: timers.schedule(deadline, ms) };
  }

  override cancel(timer: unknown): void {
    const { deadline, ticket } = (timer ?? {}) as { deadline?: Deadline; ticket?: number };
    if (deadline !== undefined && ticket !== undefined) timers.cancel(deadline, ticket);
  }

  override toWire(data: unknown): string | Uint8Array {
    if (typeof data === 'object') return toWire(data, 'HTCL');
    // A number here is NaN or infinite.
    const name = typeof data === 'number' ? String(data) : typeof data;
    throw this.toError('ERR_INVALID_MESSAGE', `cannot send ${name}: ${SENDABLE}`);
  }

  override toBase64(bytes: Uint8Array): string {
    return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('base64');
  }

  override fromBase64(text: string): Uint8Array {
    return Buffer.from(text, 'base64');
  }

  override randomId(): string {
    return randomUUID();
  }
}

/** Finds a server that sends nothing any more. */
class AliveDeadline implements Deadline {
  readonly #limitMs: number;
  readonly #onDead: (error: FourDError) => void;
  #lastFrameMs = timers.nowMs;
  #ticket: number;

  constructor(limitMs: number, onDead: (error: FourDError) => void) {
    this.#limitMs = limitMs;
    this.#onDead = onDead;
    this.#ticket = timers.schedule(this, limitMs);
  }

  noteFrame(): void {
    this.#lastFrameMs = timers.nowMs;
  }

  stop(): void {
    timers.cancel(this, this.#ticket);
  }

  onDeadline(): void {
    const silentMs = timers.nowMs - this.#lastFrameMs;
    if (silentMs < this.#limitMs) {
      this.#ticket = timers.schedule(this, this.#limitMs - silentMs);
      return;
    }
    const message = `connection lost: the server sent no frame for ${Math.floor(silentMs)} ms (aliveMs)`;
    this.#onDead(new FourDError('ERR_HEARTBEAT', message, { componentSignature: 'HTCL', side: 'remote' }));
  }
}
