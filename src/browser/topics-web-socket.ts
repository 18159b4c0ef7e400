import { toFramed, toUnframed } from '../client/topic-framing.ts';
import type { SendStatus } from '../connection/send-status.ts';
import type { EndCause } from '../errors.ts';
import type { SendableMessage } from '../session/message-types.ts';
import type { RequestOptions, SubscribeOptions } from '../topics/client-types.ts';
import { TOPICS_PROTOCOL } from '../topics/frames.ts';
import type { Publishable, Published, PublishOptions, Subscription, TopicHandler } from '../topics/topic-handler.ts';
import type { WebSocketHandler as PlainHandler } from './browser-types.ts';
import { toWire, type Wire } from './messages.ts';
import type { QueuedEvent } from './queued-event.ts';
import { TopicsPlug } from './topics-plug.ts';
import type {
  TopicsWebSocketOptions,
  WebSocket as WebSocketType,
  WebSocketConstructor,
  WebSocketHandler,
} from './topics-types.ts';
import { WebSocketClient } from './web-socket.ts';

/** A client with topics: what it sends and gets are frames, when the server has chosen `4d-topics.1`. */
class TopicsWebSocketClient<T> extends WebSocketClient<T> {
  readonly #topics: TopicsPlug;

  constructor(
    url: string | URL,
    handler?: WebSocketHandler<T> | null,
    { topics, protocols = [], ...options }: TopicsWebSocketOptions = {},
  ) {
    // Topics add their session to it, for later attempts.
    const offered = [...new Set(topics ? [TOPICS_PROTOCOL, ...protocols] : protocols)];
    super(url, handler as PlainHandler<T>, {
      ...(topics && { pingIntervalMs: 25_000 }),
      ...options,
      protocols: offered,
    });
    this.#topics = new TopicsPlug(this, offered);
  }

  override send(message: SendableMessage): SendStatus {
    const wire = toWire(message);
    const isPlain = typeof wire !== 'string' || (this.status === 'Connected' && !this.#topics.isOn);
    return super.send(isPlain ? wire : toFramed(message, wire));
  }

  protected override takeUnsent(): Wire[] {
    const messages = super.takeUnsent();
    return this.status === 'Connected' && this.#topics.isOn ? messages : messages.map(toUnframed);
  }

  /** @param isMessage - true for a message that topics have taken out of its frame */
  override deliver(data: string | ArrayBuffer, isMessage?: boolean): void {
    if (typeof data === 'string' && this.#topics.isOn && !isMessage) this.#topics.receive(data);
    else super.deliver(data);
  }

  protected override stop(cause: EndCause): void {
    super.stop(cause);
    this.#topics.mute();
  }

  protected override push(event: QueuedEvent, bytes?: number): void {
    const { type } = event;
    if (type === 'open' || type === 'reconnect') this.#topics.open(this.protocol);
    else if (type === 'disconnect') this.#topics.lose();
    else if (type === 'terminate') this.#topics.end();
    super.push(event, bytes);
  }

  override reconnect(): void {
    super.reconnect();
    this.#topics.begin();
  }

  subscribe(topic: string, handler: TopicHandler, options?: SubscribeOptions): Subscription {
    return this.#topics.subscribe(topic, handler, options);
  }

  publish(topic: string, data: Publishable, options?: PublishOptions): Promise<Published> {
    return this.#topics.publish(topic, data, options);
  }

  request(data: Publishable, options?: RequestOptions): Promise<unknown> {
    return this.#topics.request(data, options);
  }
}

export const WebSocket: WebSocketConstructor = TopicsWebSocketClient as never;

/** The type of its objects, under the same name. */
export type WebSocket<T = string> = WebSocketType<T>;
