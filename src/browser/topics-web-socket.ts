import { toFramed, toUnframed } from '../client/topic-framing.ts';
import type { SendStatus } from '../connection/send-status.ts';
import type { EndCause } from '../errors.ts';
import type { SendableMessage } from '../session/message-types.ts';
import type { RequestOptions, SubscribeOptions } from '../topics/client-types.ts';
import { TOPICS_PROTOCOL } from '../topics/frames.ts';
import type { Publishable, Published, PublishOptions, Subscription, TopicHandler } from '../topics/topic-handler.ts';
import type { WebSocketHandler as PlainHandler } from './browser-types.ts';
import { toWire } from './messages.ts';
import type { NativeListener, NativeSocket } from './native-socket.ts';
import type { QueuedEvent } from './queued-event.ts';
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
  readonly #topics: TopicsPlug;

  constructor(
    url: string | URL,
    handler?: WebSocketHandler<T> | null,
    { topics, protocols = [], ...options }: TopicsWebSocketOptions = {},
  ) {
    const plug = new TopicsPlug();
    const offered = topics ? [TOPICS_PROTOCOL, ...protocols] : [...protocols];
    plugs.set(offered, plug);
    super(url, handler as PlainHandler<T>, {
      ...(topics && { pingIntervalMs: 25_000 }),
      ...options,
      protocols: offered,
    });
    this.#topics = plug;
  }

  protected override open(url: string, protocols: readonly string[], listener: NativeListener): NativeSocket {
    const topics = plugs.get(protocols) as TopicsPlug;
    topics.lose();
    const offer = protocols.includes(TOPICS_PROTOCOL) ? topics.offer(protocols) : protocols;
    const native = super.open(url, offer, {
      onopen: () => {
        topics.open(native.protocol);
        const send = native.send.bind(native);
        if (!topics.isOn) native.send = (data) => send(toUnframed(data));
        listener.onopen();
      },
      onmessage: (event) => {
        const { data } = event;
        if (typeof data === 'string' && topics.isOn) {
          topics.receive(data);
          // A sign of life, and nothing for the user.
          listener.onmessage({ data: '{"t":"alive"}' });
        } else listener.onmessage(event);
      },
      onclose: (event) => {
        // An older connection may be closed late.
        if (topics.native === native) topics.lose();
        listener.onclose(event);
      },
    });
    topics.attach(this, native, listener);
    return native;
  }

  override send(message: SendableMessage): SendStatus {
    const wire = toWire(message);
    const isPlain = typeof wire !== 'string' || (this.status === 'Connected' && !this.#topics.isOn);
    return super.send(isPlain ? wire : toFramed(message, wire));
  }

  protected override stop(cause: EndCause): void {
    super.stop(cause);
    this.#topics.mute();
  }

  protected override push(event: QueuedEvent, bytes?: number): void {
    if (event.type === 'terminate') {
      this.#topics.end();
      const unsentMessages = event.unsentMessages?.map((data) => toUnframed(data));
      super.push(unsentMessages ? { ...event, unsentMessages } : event);
    } else super.push(event, bytes);
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
