import { isDeepStrictEqual } from 'node:util';
import { type Exchange, ExchangeClock } from '../load/exchange.ts';
import { Failure } from '../load/failure.ts';
import { type MessageShape, payloadOf } from '../messages.ts';
import type { ClientTask } from '../processes/calls.ts';
import type { ClientConnection, ClientPeer } from './client-peer.ts';

/** Clients that send a message for each answer they get. */
export class ClientLoad {
  readonly #peer: ClientPeer;
  readonly #task: ClientTask;
  readonly #message: string | Buffer | object;
  readonly #failure = new Failure();
  readonly #clock = new ExchangeClock(this.#failure);
  readonly #connections: ClientConnection[] = [];

  constructor(peer: ClientPeer, task: ClientTask) {
    this.#peer = peer;
    this.#task = task;
    this.#message = messageOf(task.shape);
  }

  async open(): Promise<void> {
    for (let i = 0; i < this.#task.connections; i++) {
      this.#connections.push(await this.#failure.guard(this.#connect()));
    }
  }

  run(durationMs: number): Promise<Exchange> {
    const { inFlight, connections } = this.#task;
    return this.#clock.run(durationMs, inFlight * connections, () => {
      for (const connection of this.#connections) {
        for (let i = 0; i < inFlight; i++) connection.send(this.#message);
      }
    });
  }

  async #connect(): Promise<ClientConnection> {
    const { shape, port } = this.#task;
    let isFirst = true;
    const connection = await this.#peer.connect({
      url: `ws://127.0.0.1:${port}/bench`,
      kind: shape.kind,
      onMessage: (data) => {
        // All of the first, and then no more than what costs the clients under measurement nothing.
        const isExpected = sizeOf(data) === expectedSize && (!isFirst || isMessage(data, this.#message));
        isFirst = false;
        if (!isExpected) this.#failure.fail('the answer is not the message that was expected');
        else if (this.#clock.answered(1)) connection.send(this.#message);
      },
      onLost: () => this.#failure.fail('connection lost'),
    });
    const expectedSize = sizeOf(this.#message);
    return connection;
  }
}

function messageOf(shape: MessageShape): string | Buffer | object {
  const payload = payloadOf(shape);
  if (shape.kind === 'binary') return payload;
  return shape.kind === 'text' ? payload.toString() : (JSON.parse(payload.toString()) as object);
}

/** Whether data is what was sent, which may have been text and come as its bytes. */
function isMessage(data: unknown, message: string | Buffer | object): boolean {
  if (!(data instanceof ArrayBuffer || data instanceof Uint8Array)) return isDeepStrictEqual(data, message);
  const bytes = data instanceof ArrayBuffer ? Buffer.from(data) : data;
  return typeof message === 'string' || message instanceof Buffer ? Buffer.from(message).equals(bytes) : false;
}

/** A figure that tells messages apart well enough: the length of ASCII text and bytes, the text of an object. */
function sizeOf(data: unknown): number {
  if (typeof data === 'string') return data.length;
  if (data instanceof Uint8Array || data instanceof ArrayBuffer) return data.byteLength;
  return (data as { readonly text: string }).text.length;
}
