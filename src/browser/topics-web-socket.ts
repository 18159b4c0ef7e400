import { toFramed } from '../client/framed-message.ts';
import type { SendStatus } from '../connection/send-status.ts';
import type { SendableMessage } from '../session/message-types.ts';
import type { RequestOptions, SubscribeOptions } from '../topics/client-types.ts';
import type { ClientTopics } from '../topics/client-topics.ts';
import { TOPICS_PROTOCOL } from '../topics/frames.ts';
import type { Publishable, Published, PublishOptions, Subscription, TopicHandler } from '../topics/topic-handler.ts';
import { toWire } from './messages.ts';
import type { NativeListener, NativeSocket } from './native-socket.ts';
import { TopicsPlug, toTopicError } from './topics-plug.ts';
import type {
  TopicsWebSocketOptions,
  WebSocket as WebSocketType,
  WebSocketConstructor,
  WebSocketHandler,
} from './topics-types.ts';
import { WebSocketClient } from './web-socket.ts';

/** The plug of each client, by the subprotocols that it was created with: the first attempt is made by the constructor. */
const plugs = new WeakMap<object, TopicsPlug>();

/** A client with topics: what it sends and gets are frames, when the server has chosen `4d-topics.1`. */
class TopicsWebSocketClient<T> extends WebSocketClient<T> {
  readonly #handler: WebSocketHandler<T>;
  readonly #plug: TopicsPlug | undefined;

  constructor(
    url: string | URL,
    handler?: WebSocketHandler<T> | null,
    { topics, ...options }: TopicsWebSocketOptions = {},
  ) {
    const plug = topics ? new TopicsPlug(handler, !!options.reconnect) : undefined;
    const protocols = [TOPICS_PROTOCOL, ...(options.protocols ?? [])];
    if (plug) plugs.set(protocols, plug);
    super(
      url,
      (plug ? plug.handler : handler) as never,
      plug ? { pingIntervalMs: 25_000, ...options, protocols } : options,
    );
    this.#handler = handler as WebSocketHandler<T>;
    this.#plug = plug;
  }

  override get handler(): never {
    return this.#handler as never;
  }

  protected override open(url: string, protocols: readonly string[], listener: NativeListener): NativeSocket {
    const open = (...args: [readonly string[], NativeListener]): NativeSocket => super.open(url, ...args);
    return plugs.get(protocols)?.open(this, protocols, listener, open) ?? open(protocols, listener);
  }

  override send(message: SendableMessage): SendStatus {
    const { topics } = this.#plug ?? {};
    if (!topics || (this.status === 'Connected' && !topics.isOn)) return super.send(message);
    const wire = toWire(message);
    return super.send(typeof wire === 'string' ? toFramed(message, wire) : wire);
  }

  override terminate(code?: number, reason?: string): void {
    super.terminate(code, reason);
    this.#plug?.topics.mute();
  }

  override destroy(): void {
    super.destroy();
    this.#plug?.topics.mute();
  }

  override reconnect(): void {
    super.reconnect();
    this.#plug?.topics.begin();
  }

  subscribe(topic: string, handler: TopicHandler, options?: SubscribeOptions): Subscription {
    return this.#topics.subscribe(topic, handler, options);
  }

  publish(topic: string, data: Publishable, options?: PublishOptions): Promise<Published> {
    return this.#plug?.topics.publish(topic, data, options) ?? Promise.reject(topicsOff());
  }

  async request(data: Publishable, options?: RequestOptions): Promise<unknown> {
    return this.#topics.request(data, options);
  }

  /** @throws FourDError `ERR_TOPICS_OFF` */
  get #topics(): ClientTopics {
    if (!this.#plug) throw topicsOff();
    return this.#plug.topics;
  }
}

function topicsOff(): Error {
  return toTopicError('ERR_TOPICS_OFF', 'use topics: true');
}

export const WebSocket: WebSocketConstructor = TopicsWebSocketClient as never;

/** The type of its objects, under the same name. */
export type WebSocket<T = string> = WebSocketType<T>;
