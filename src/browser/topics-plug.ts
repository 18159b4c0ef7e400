import { toOutgoing } from '../client/framed-message.ts';
import { OWN_CAUSES } from '../client/reconnect-policy.ts';
import type { ErrorCode } from '../errors.ts';
import type { TopicErrorDetails, TopicsHost } from '../topics/client-host.ts';
import { ClientTopics } from '../topics/client-topics.ts';
import { FourDError, report, textOf } from './browser-error.ts';
import type { BrowserTerminateEvent } from './browser-types.ts';
import { after, cancel, type Timer } from './clock.ts';
import { toWire } from './messages.ts';
import { type NativeListener, type NativeSocket, OPEN } from './native-socket.ts';

/** The errors of topics have the numbers from -20021 down. */
const CODES = [
  'TOPICS_OFF',
  'INVALID_TOPIC',
  'TOPIC_REFUSED',
  'BROKER_DOWN',
  'BROKER_FULL',
  'BROKER_UNSUPPORTED',
  'OUTBOX_FULL',
  'PUBLISH_UNKNOWN',
  'REQUEST_TIMEOUT',
];

/** What the client without topics hears when a frame has come: a sign of life, and nothing for the user. */
const ALIVE = '{"t":"alive"}';

/** Makes an error of topics, whose number the client without topics does not know. */
export function toTopicError(
  code: ErrorCode,
  message: string,
  { cause, ...details }: TopicErrorDetails = {},
): FourDError {
  const error = new FourDError(code, message, undefined, cause);
  const index = CODES.indexOf(code.slice('ERR_'.length));
  const { errCode } = error;
  const number = index < 0 ? errCode : -20021 - index;
  return Object.assign(error, { errCode: number, item: { ...error.item, errCode: number }, ...details });
}

/** The client that a plug belongs to. */
export interface PluggedClient {
  readonly status: string;
  readonly dataType: string;
  reconnect(): void;
}

/** Stands between a client and the WebSockets of the browser: takes the frames of topics, and makes them. */
export class TopicsPlug implements TopicsHost {
  readonly topics: ClientTopics = new ClientTopics(this);
  // Nothing can be paused.
  readonly maxWaiting: number = Infinity;
  /** The handler that the client without topics gets. */
  readonly handler: object;
  readonly #reconnects: boolean;
  #client!: PluggedClient;
  #listener!: NativeListener;
  #native: NativeSocket | undefined;

  constructor(handler: unknown, reconnects: boolean) {
    this.#reconnects = reconnects;
    // What is no handler is an error of the client without topics.
    this.handler = typeof (handler ?? {}) === 'object' ? this.#wrap((handler ?? {}) as object) : (handler as object);
  }

  /** Hears of the end, and hides the frames of messages that could not be sent. */
  #wrap(handler: object): object {
    const onTerminate = (ws: object, event: BrowserTerminateEvent): unknown => {
      this.topics.end(OWN_CAUSES.has(event.cause));
      const unsentMessages = event.unsentMessages?.map((data) =>
        typeof data === 'string' ? toOutgoing(data, false) : data,
      );
      return this.call(
        handler,
        'onTerminate',
        ws,
        Object.freeze({ ...event, ...(unsentMessages && { unsentMessages }) }),
      );
    };
    return new Proxy(handler, {
      get(target, name) {
        if (name === 'onTerminate') return onTerminate;
        const value = (target as Record<string | symbol, unknown>)[name];
        return typeof value === 'function' ? (value.bind(target) as unknown) : value;
      },
    });
  }

  /** Makes an attempt: `open` is the way of the client without topics. */
  open(
    client: PluggedClient,
    protocols: readonly string[],
    listener: NativeListener,
    open: (protocols: readonly string[], listener: NativeListener) => NativeSocket,
  ): NativeSocket {
    const { topics } = this;
    topics.lose();
    this.#client = client;
    this.#listener = listener;
    const native = open(topics.offer(protocols), {
      onopen: () => {
        topics.open(native.protocol);
        if (!topics.isOn) {
          const send = native.send.bind(native);
          native.send = (data) => send(typeof data === 'string' ? toOutgoing(data, false) : data);
        }
        listener.onopen();
      },
      onmessage: (event) => {
        const { data } = event;
        if (native !== this.#native || client.status !== 'Connected') return;
        if (typeof data === 'string' && topics.isOn) {
          topics.receive(data);
          listener.onmessage({ data: ALIVE });
        } else listener.onmessage(event);
      },
      onclose: (event) => {
        if (native === this.#native) topics.lose();
        listener.onclose(event);
      },
    });
    this.#native = native;
    return native;
  }

  // TopicsHost

  send(text: string): void {
    if (this.#native?.readyState === OPEN) this.#native.send(text);
  }

  onMessage(data: unknown): void {
    const isText = typeof data === 'string' && this.#client.dataType !== 'object';
    this.#listener.onmessage({ data: isText ? data : JSON.stringify(data) });
  }

  onHi(): void {
    // Silence is found by pings of the page.
  }

  onMove(afterMs: number): void {
    const native = this.#native;
    after(afterMs, () => this.#reconnects && native === this.#native && this.#client.reconnect());
  }

  onFlow(): void {
    // Reading cannot be stopped.
  }

  call(handler: object, name: string, subject: object, event: object): PromiseLike<unknown> | undefined {
    const callback = (handler as Record<string, ((...args: object[]) => PromiseLike<unknown> | undefined) | undefined>)[
      name
    ];
    const result = callback?.call(handler, subject, event);
    return result?.then ? result : undefined;
  }

  report(name: string, thrown: unknown): void {
    report(new FourDError('ERR_CALLBACK_FAILED', `${name} failed: ${textOf(thrown)}`, 'callback', thrown));
  }

  toError(code: ErrorCode, message: string, details?: TopicErrorDetails): Error {
    return toTopicError(code, message, details);
  }

  after(ms: number, act: () => void): Timer {
    return after(ms, act);
  }

  cancel(timer: Timer): void {
    cancel(timer);
  }

  toWire(data: object): string | Uint8Array {
    return toWire(data);
  }

  toBase64(bytes: Uint8Array): string {
    let text = '';
    for (const byte of bytes) text += String.fromCharCode(byte);
    return btoa(text);
  }

  fromBase64(text: string): Uint8Array {
    return Uint8Array.from(atob(text), (character) => character.charCodeAt(0));
  }

  randomId(): string {
    // Unlike randomUUID, a page that did not come over TLS has this too.
    const random = crypto.getRandomValues(new Uint8Array(16));
    return Array.from(random, (byte) => byte.toString(36).padStart(2, '0')).join('');
  }
}
