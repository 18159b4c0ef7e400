import { toOutgoing } from '../client/topic-framing.ts';
import { OWN_CAUSES } from '../client/reconnect-policy.ts';
import type { ErrorCode } from '../errors.ts';
import type { TopicErrorDetails } from '../topics/client-host.ts';
import { ClientTopics } from '../topics/client-topics.ts';
import { FourDError, report, textOf } from './browser-error.ts';
import type { BrowserTerminateEvent } from './browser-types.ts';
import { after, cancel, type Timer } from './clock.ts';
import { toWire } from './messages.ts';
import { type NativeListener, type NativeSocket, OPEN } from './native-socket.ts';

/** The errors of topics that occur in a page, by their numbers: -20021 and down. */
const CODES = 'TOPICS_OFF INVALID_TOPIC TOPIC_REFUSED - - - OUTBOX_FULL PUBLISH_UNKNOWN REQUEST_TIMEOUT'.split(' ');

type Callbacks = Readonly<Record<string | symbol, ((...args: object[]) => PromiseLike<unknown>) | undefined>>;

/** The client that a plug belongs to. */
export interface PluggedClient {
  readonly status: string;
  readonly dataType: string;
  reconnect(): void;
}

/** The topics of a client in a browser: stands between the client and its WebSockets, takes frames, and makes them. */
export class TopicsPlug extends ClientTopics {
  /** The handler that the client without topics gets. What is no handler is an error of that client. */
  readonly handler: object;
  readonly #hasTopics: boolean;
  #client!: PluggedClient;
  #listener!: NativeListener;
  #native: NativeSocket | undefined;

  constructor(handler: unknown, hasTopics: boolean) {
    super();
    this.#hasTopics = hasTopics;
    this.handler = typeof handler === 'object' ? this.#wrap((handler ?? {}) as Callbacks) : (handler as object);
  }

  /** Hears of the end, and takes the frames off the messages that could not be sent. */
  #wrap(handler: Callbacks): object {
    return new Proxy(handler, {
      get: (_, name) => {
        if (name === 'onTerminate') {
          return (ws: object, { unsentMessages, ...event }: BrowserTerminateEvent): unknown => {
            this.end(OWN_CAUSES.has(event.cause));
            const unsent = unsentMessages?.map((data) => toOutgoing(data, false));
            return handler[name]?.(ws, Object.freeze(unsent ? { ...event, unsentMessages: unsent } : event));
          };
        }
        const value = handler[name];
        return typeof value === 'function' ? value.bind(handler) : value;
      },
    });
  }

  /** Makes an attempt: `open` is the way of the client without topics. */
  connect(
    client: PluggedClient,
    protocols: readonly string[],
    listener: NativeListener,
    open: (protocols: readonly string[], listener: NativeListener) => NativeSocket,
  ): NativeSocket {
    this.lose();
    this.#client = client;
    this.#listener = listener;
    const native = open(this.#hasTopics ? this.offer(protocols) : protocols, {
      onopen: () => {
        this.open(native.protocol);
        const send = native.send.bind(native);
        if (!this.isOn) native.send = (data) => send(toOutgoing(data, false));
        listener.onopen();
      },
      onmessage: (event) => {
        const { data } = event;
        if (typeof data === 'string' && this.isOn) {
          if (client.status === 'Connected') this.receive(data);
          // A sign of life, and nothing for the user.
          listener.onmessage({ data: '{"t":"alive"}' });
        } else listener.onmessage(event);
      },
      onclose: (event) => {
        if (native === this.#native) this.lose();
        listener.onclose(event);
      },
    });
    return (this.#native = native);
  }

  override send(text: string): void {
    if (this.#native?.readyState === OPEN) this.#native.send(text);
  }

  override onMessage(data: unknown): void {
    const isText = typeof data === 'string' && this.#client.dataType !== 'object';
    this.#listener.onmessage({ data: isText ? data : JSON.stringify(data) });
  }

  override onMove(afterMs: number): void {
    const native = this.#native;
    after(afterMs, () => {
      try {
        if (native === this.#native) this.#client.reconnect();
      } catch {
        // The client does not reconnect.
      }
    });
  }

  override call(handler: object, name: string, subject: object, event: object): PromiseLike<unknown> | undefined {
    const result = (handler as Callbacks)[name]?.(subject, event);
    return result?.then ? result : undefined;
  }

  override report(name: string, thrown: unknown): void {
    report(new FourDError('ERR_CALLBACK_FAILED', `${name} failed: ${textOf(thrown)}`, 'callback', thrown));
  }

  override toError(code: ErrorCode, message: string, { cause, ...details }: TopicErrorDetails = {}): Error {
    const error = new FourDError(code, message, undefined, cause);
    const index = CODES.indexOf(code.slice(4));
    const number = index < 0 ? {} : { errCode: -20021 - index };
    return Object.assign(error, number, { item: { ...error.item, ...number } }, details);
  }

  override findProblem(topic: string): string | undefined {
    return /^[^@*#>\p{Cc}][^*#>\p{Cc}]{0,255}$/u.test(topic) ? undefined : 'invalid topic';
  }

  override after(ms: number, act: () => void): Timer {
    return after(ms, act);
  }

  override cancel(timer: Timer): void {
    cancel(timer);
  }

  override toWire(data: object): string | Uint8Array {
    return toWire(data);
  }

  override toBase64(bytes: Uint8Array): string {
    let text = '';
    for (const byte of bytes) text += String.fromCharCode(byte);
    return btoa(text);
  }

  override fromBase64(text: string): Uint8Array {
    return Uint8Array.from(atob(text), (character) => character.charCodeAt(0));
  }

  override randomId(): string {
    // Unlike randomUUID, a page that did not come over TLS has this too.
    return String(crypto.getRandomValues(new Uint32Array(4)));
  }
}
