import { toFramed } from '../client/topic-framing.ts';
import type { SendStatus } from '../connection/send-status.ts';
import type { SendableMessage } from '../session/message-types.ts';
import type { RequestOptions, SubscribeOptions } from '../topics/client-types.ts';
import { TOPICS_PROTOCOL } from '../topics/frames.ts';
import type { Publishable, Published, PublishOptions, Subscription, TopicHandler } from '../topics/topic-handler.ts';
import { toWire } from './messages.ts';
import type { NativeListener, NativeSocket } from './native-socket.ts';
import { TopicsPlug } from './topics-plug.ts';
import type {
  TopicsWebSocketOptions,
  WebSocket as WebSocketType,
  WebSocketConstructor,
  WebSocketHandler,
} from './topics-types.ts';
import { WebSocketClient } from './web-socket.ts';

/** The topics of each client, by the subprotocols that it was created with: the constructor makes the first attempt. */
const plugs = new WeakMap<object, TopicsPlug>();

/** A client with topics: what it sends and gets are frames, when the server has chosen `4d-topics.1`. */
class TopicsWebSocketClient<T> extends WebSocketClient<T> {
  readonly #handler: WebSocketHandler<T>;
  readonly #topics: TopicsPlug;

  constructor(
    url: string | URL,
    handler?: WebSocketHandler<T> | null,
    { topics = false, ...options }: TopicsWebSocketOptions = {},
  ) {
    const plug = new TopicsPlug(handler ?? {}, topics);
    const protocols = [...(options.protocols ?? []), ...(topics ? [TOPICS_PROTOCOL] : [])];
    plugs.set(protocols, plug);
    super(url, plug.handler, { ...(topics && { pingIntervalMs: 25_000 }), ...options, protocols });
    this.#handler = handler as WebSocketHandler<T>;
    this.#topics = plug;
  }

  override get handler(): never {
    return this.#handler as never;
  }

  protected override open(url: string, protocols: readonly string[], listener: NativeListener): NativeSocket {
    const topics = plugs.get(protocols) as TopicsPlug;
    return topics.connect(this, protocols, listener, (...args) => super.open(url, ...args));
  }

  override send(message: SendableMessage): SendStatus {
    if (this.status === 'Connected' && !this.#topics.isOn) return super.send(message);
    const wire = toWire(message);
    return super.send(typeof wire === 'string' ? toFramed(message, wire) : wire);
  }

  override terminate(code?: number, reason?: string): void {
    super.terminate(code, reason);
    this.#topics.mute();
  }

  override destroy(): void {
    super.destroy();
    this.#topics.mute();
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
