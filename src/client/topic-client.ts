import { randomUUID } from 'node:crypto';
import { type Deadline, timers } from '../base/timers.ts';
import { follow } from '../base/promises.ts';
import { callbackFailed, type ErrorCode, FourDError } from '../errors.ts';
import { callHandler } from '../session/call-handler.ts';
import { toWire } from '../session/data-type.ts';
import { isThenable } from '../workers/worker.ts';
import { reportError } from '../workers/error-handling.ts';
import type { ClientSession } from './client-session.ts';
import { type SessionTopics, TopicSession } from './topic-session.ts';
import type { TopicErrorDetails, TopicsHost } from '../topics/client-host.ts';
import { ClientTopics } from '../topics/client-topics.ts';

/** A server that has not sent a frame for so many times `aliveMs` is dead. */
const ALIVE_FACTOR = 1.5;

/** The topics of a client in Node. */
export class TopicClient implements TopicsHost, SessionTopics {
  readonly topics: ClientTopics = new ClientTopics(this);
  /** Another session takes its place when the client begins another life. */
  #session!: TopicSession;
  #move: unknown;
  #alive: AliveDeadline | undefined;

  get maxWaiting(): number {
    return this.#session.maxWaitingEvents;
  }

  get isOn(): boolean {
    return this.topics.isOn;
  }

  get isFull(): boolean {
    return this.topics.isFull;
  }

  get isAwaiting(): boolean {
    return this.topics.isAwaiting;
  }

  /** Creates the session of the client. */
  createSession(...args: ConstructorParameters<typeof ClientSession>): ClientSession {
    return new TopicSession(this, ...args);
  }

  /** A life of the client begins. */
  begin(session: TopicSession): void {
    this.#session = session;
    this.topics.begin();
  }

  open(protocol: string): void {
    this.cancel(this.#move);
    this.topics.open(protocol);
  }

  /** Takes a text message of the server. */
  receive(text: string): void {
    this.#alive?.noteFrame();
    this.topics.receive(text);
  }

  /** The connection is lost, and another one follows. */
  lose(): void {
    this.#alive?.stop();
    this.topics.lose();
  }

  mute(): void {
    this.topics.mute();
  }

  /** The client is over. */
  end(dropsWaiting: boolean): void {
    this.#alive?.stop();
    this.cancel(this.#move);
    this.topics.end(dropsWaiting);
  }

  // TopicsHost

  send(text: string): void {
    this.#session.sendFrame(text);
  }

  onMessage(data: unknown): void {
    this.#session.deliverFramed(data);
  }

  onHi(aliveMs: number): void {
    this.#alive?.stop();
    if (!this.#session.needsAlive) return;
    this.#alive = new AliveDeadline(aliveMs * ALIVE_FACTOR, (error) => this.#session.failConnection(error));
  }

  onMove(afterMs: number): void {
    this.cancel(this.#move);
    this.#move = this.after(afterMs, () => this.#session.move());
  }

  onFlow(): void {
    this.#session.onFlow();
  }

  call(handler: object, name: string, subject: object, event: object): PromiseLike<unknown> | undefined {
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

  report(name: string, thrown: unknown): void {
    reportError(callbackFailed(name, thrown), this.#session.scope.worker);
  }

  toError(code: ErrorCode, message: string, details?: TopicErrorDetails): FourDError {
    return new FourDError(code, message, { componentSignature: 'HTCL', ...details });
  }

  after(ms: number, act: () => void): unknown {
    if (ms === Infinity) return undefined;
    const deadline: Deadline = { onDeadline: act };
    return { deadline, ticket: timers.schedule(deadline, ms) };
  }

  cancel(timer: unknown): void {
    const { deadline, ticket } = (timer ?? {}) as { deadline?: Deadline; ticket?: number };
    if (deadline !== undefined && ticket !== undefined) timers.cancel(deadline, ticket);
  }

  toWire(data: object): string | Uint8Array {
    return toWire(data, 'HTCL');
  }

  toBase64(bytes: Uint8Array): string {
    return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('base64');
  }

  fromBase64(text: string): Uint8Array {
    return Buffer.from(text, 'base64');
  }

  randomId(): string {
    return randomUUID();
  }
}

/** Finds a server that sends nothing any more. */
class AliveDeadline implements Deadline {
  readonly #limitMs: number;
  readonly #onDead: (error: FourDError) => void;
  #lastFrameMs = timers.nowMs;
  #isPaused = false;
  #ticket: number;

  constructor(limitMs: number, onDead: (error: FourDError) => void) {
    this.#limitMs = limitMs;
    this.#onDead = onDead;
    this.#ticket = timers.schedule(this, limitMs);
  }

  noteFrame(): void {
    this.#lastFrameMs = timers.nowMs;
  }

  /** While nothing is read, nothing is heard of the server. */
  setPaused(isPaused: boolean): void {
    this.#isPaused = isPaused;
    this.noteFrame();
  }

  stop(): void {
    timers.cancel(this, this.#ticket);
  }

  onDeadline(): void {
    const silentMs = this.#isPaused ? 0 : timers.nowMs - this.#lastFrameMs;
    if (silentMs < this.#limitMs) {
      this.#ticket = timers.schedule(this, this.#limitMs - silentMs);
      return;
    }
    const message = `connection lost: the server sent no frame for ${Math.floor(silentMs)} ms (aliveMs)`;
    this.#onDead(new FourDError('ERR_HEARTBEAT', message, { componentSignature: 'HTCL', side: 'remote' }));
  }
}
