import { isDeepStrictEqual } from 'node:util';
import { type Exchange, ExchangeClock } from '../load/exchange.ts';
import { Failure, WRONG_ANSWER } from '../load/failure.ts';
import { targetOf } from '../load/handshake.ts';
import { countVariants, type MessageShape, payloadOf } from '../messages.ts';
import type { ClientTask } from '../processes/calls.ts';
import type { ClientConnection, ClientPeer } from './client-peer.ts';

type Message = string | Buffer | object;

/** Clients that send a message for each answer they get, each time another one. */
export class ClientLoad {
  readonly #peer: ClientPeer;
  readonly #task: ClientTask;
  readonly #messages: readonly Message[];
  readonly #failure = new Failure();
  readonly #clock = new ExchangeClock(this.#failure);
  /** By connection, what sends its next message. */
  readonly #senders: (() => void)[] = [];

  constructor(peer: ClientPeer, task: ClientTask) {
    this.#peer = peer;
    this.#task = task;
    const { shape } = task;
    this.#messages = Array.from({ length: countVariants(shape) }, (_, variant) => messageOf(shape, variant));
  }

  async open(): Promise<void> {
    for (let i = 0; i < this.#task.connections; i++) {
      this.#senders.push(await this.#failure.guard(this.#connect(i % this.#messages.length)));
    }
  }

  run(durationMs: number): Promise<Exchange> {
    const { inFlight, connections } = this.#task;
    return this.#clock.run(durationMs, inFlight * connections, () => {
      for (const send of this.#senders) {
        for (let i = 0; i < inFlight; i++) send();
      }
    });
  }

  async #connect(firstVariant: number): Promise<() => void> {
    const { shape, port } = this.#task;
    const messages = this.#messages;
    let sent = firstVariant;
    let answered = firstVariant;
    const connection: ClientConnection = await this.#peer.connect({
      url: `ws://127.0.0.1:${port}${targetOf(firstVariant)}`,
      kind: shape.kind,
      onMessage: (data) => {
        const message = messages[answered % messages.length] as Message;
        // All of the first ones, and then no more than what costs the clients under measurement nothing.
        const isWholeCompared = answered++ < firstVariant + messages.length;
        const isExpected = isWholeCompared ? isMessage(data, message) : looksLike(data, message);
        if (!isExpected) this.#failure.fail(WRONG_ANSWER);
        else if (this.#clock.answered(1)) send();
      },
      onLost: () => this.#failure.fail('connection lost'),
    });
    const send = (): void => connection.send(messages[sent++ % messages.length] as Message);
    return send;
  }
}

function messageOf(shape: MessageShape, variant: number): Message {
  const payload = payloadOf(shape, variant);
  if (shape.kind === 'binary') return payload;
  return shape.kind === 'text' ? payload.toString() : (JSON.parse(payload.toString()) as object);
}

/** Whether data is what was sent, which may have been text and come as its bytes. */
function isMessage(data: unknown, message: Message): boolean {
  if (!(data instanceof ArrayBuffer || data instanceof Uint8Array)) return isDeepStrictEqual(data, message);
  const bytes = data instanceof ArrayBuffer ? Buffer.from(data) : data;
  return typeof message === 'string' || message instanceof Buffer ? Buffer.from(message).equals(bytes) : false;
}

/** Whether data has the size of a message, and what tells it from others. */
function looksLike(data: unknown, message: Message): boolean {
  return sizeOf(data) === sizeOf(message) && markOf(data) === markOf(message);
}

/** The length of ASCII text and bytes, the length of the text of an object. */
function sizeOf(data: unknown): number {
  if (typeof data === 'string') return data.length;
  if (data instanceof Uint8Array || data instanceof ArrayBuffer) return data.byteLength;
  return (data as { readonly text: string }).text.length;
}

/** The code of the first character or byte, the number of an object. */
function markOf(data: unknown): number {
  if (typeof data === 'string') return data.charCodeAt(0);
  if (data instanceof Uint8Array) return data[0] as number;
  if (data instanceof ArrayBuffer) return new DataView(data).getUint8(0);
  return (data as { readonly id: number }).id;
}
