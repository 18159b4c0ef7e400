import type { ErrorCode } from '../errors.ts';
import { callHandler } from '../session/call-handler.ts';
import type { TopicErrorDetails, TopicsHost } from '../topics/client-host.ts';
import { ClientTopics } from '../topics/client-topics.ts';
import { FourDError, NUMBERS, report, textOf } from './browser-error.ts';
import { after, cancel } from './clock.ts';
import { toWire } from './messages.ts';
import type { NativeListener, NativeSocket } from './native-socket.ts';

Object.assign(NUMBERS, {
  ERR_TOPICS_OFF: -20021,
  ERR_INVALID_TOPIC: -20022,
  ERR_TOPIC_REFUSED: -20023,
  ERR_OUTBOX_FULL: -20027,
  ERR_PUBLISH_UNKNOWN: -20028,
  ERR_REQUEST_TIMEOUT: -20029,
} satisfies typeof NUMBERS);

/** The client that a plug belongs to. */
export interface PluggedClient {
  readonly dataType: string;
  reconnect(): void;
}

/** The topics of a client in a browser: stands between the client and its WebSockets, takes frames, and makes them. */
export class TopicsPlug extends ClientTopics {
  #client!: PluggedClient;
  #listener!: NativeListener;
  native!: NativeSocket;

  /** An attempt is made. */
  attach(client: PluggedClient, native: NativeSocket, listener: NativeListener): void {
    this.#client = client;
    this.native = native;
    this.#listener = listener;
  }

  override send(text: string): void {
    this.native.send(text);
  }

  override onMessage(data: unknown): void {
    const isText = typeof data === 'string' && this.#client.dataType !== 'object';
    this.#listener.onmessage({ data: isText ? data : JSON.stringify(data) });
  }

  override onHi(aliveMs: unknown): void {
    this.#listener.onmessage({ data: `{"t":"alive","aliveMs":${aliveMs as number}}` });
  }

  override onMove(afterMs: number): void {
    const native = this.native;
    after(afterMs, () => {
      try {
        if (native === this.native) this.#client.reconnect();
      } catch {
        // The client does not reconnect.
      }
    });
  }

  override report(name: string, thrown: unknown): void {
    report(new FourDError('ERR_CALLBACK_FAILED', `${name} failed: ${textOf(thrown)}`, 'callback', thrown));
  }

  override toError(code: ErrorCode, message: string, details?: TopicErrorDetails): Error {
    return Object.assign(new FourDError(code, message), details);
  }

  override findProblem(topic: string): string | undefined {
    return /^[^@*#>\p{Cc}][^*#>\p{Cc}]{0,255}$/u.test(topic) ? undefined : 'invalid topic';
  }

  override call = callHandler as TopicsHost['call'];
  override after: typeof after = after;
  override cancel: typeof cancel = cancel;
  override toWire: typeof toWire = toWire;

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
