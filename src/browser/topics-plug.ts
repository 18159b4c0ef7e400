import type { ErrorCode } from '../errors.ts';
import { callHandler } from '../session/call-handler.ts';
import type { TopicErrorDetails, TopicsHost } from '../topics/client-host.ts';
import { ClientTopics } from '../topics/client-topics.ts';
import { FourDError, NUMBERS, report, textOf } from './browser-error.ts';
import { after, cancel } from './clock.ts';
import { toWire } from './messages.ts';

Object.assign(NUMBERS, {
  ERR_TOPICS_OFF: -20021,
  ERR_INVALID_TOPIC: -20022,
  ERR_TOPIC_REFUSED: -20023,
  ERR_OUTBOX_FULL: -20027,
  ERR_PUBLISH_UNKNOWN: -20028,
  ERR_REQUEST_TIMEOUT: -20029,
} satisfies typeof NUMBERS);

/** What the topics of a client need of it. */
export interface PluggedClient {
  readonly dataType: string;
  reconnect(): void;
  transmit(text: string): void;
  deliver(data: string, isMessage: true): void;
}

/** The topics of a client in a browser: what they need of it and of the page. */
export class TopicsPlug extends ClientTopics {
  readonly #client: PluggedClient;

  constructor(client: PluggedClient, offered: string[]) {
    super(offered);
    this.#client = client;
  }

  override send(text: string): void {
    this.#client.transmit(text);
  }

  override onMessage(data: unknown): void {
    const isText = typeof data === 'string' && this.#client.dataType !== 'object';
    this.#client.deliver(isText ? data : JSON.stringify(data), true);
  }

  override onMove(): void {
    try {
      this.#client.reconnect();
    } catch {
      // The client does not reconnect.
    }
  }

  override report(name: string, thrown: unknown): void {
    report(new FourDError('ERR_CALLBACK_FAILED', `${name} failed: ${textOf(thrown)}`, 'callback', thrown));
  }

  override toError(code: ErrorCode, message: string, details?: TopicErrorDetails): Error {
    return Object.assign(new FourDError(code, message), details);
  }

  override findProblem(topic: string): string | undefined {
    return /^(@me|(?!@)[^*#>\p{Cc}]{1,256})$/u.test(topic) ? undefined : 'invalid topic';
  }

  override call = callHandler as TopicsHost['call'];
  override after: typeof after = after;
  override cancel: typeof cancel = cancel;
  override toWire: typeof toWire = toWire;

  override toBase64(bytes: Uint8Array): string {
    return btoa(Array.from(bytes, (byte) => String.fromCharCode(byte)).join(''));
  }

  override fromBase64(text: string): Uint8Array {
    return Uint8Array.from(atob(text), (character) => character.charCodeAt(0));
  }

  override randomId(): string {
    // Unlike randomUUID, a page that did not come over TLS has this too.
    return String(crypto.getRandomValues(new Uint32Array(4)));
  }
}
