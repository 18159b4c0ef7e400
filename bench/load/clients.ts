import { isDeepStrictEqual } from 'node:util';
import { payloadsOf } from '../messages.ts';
import type { ClientSocket, RunningPeer } from '../peers/peer.ts';
import { WRONG_MESSAGE } from './answers.ts';
import { targetOf } from './frames.ts';
import type { Link, Load } from './load.ts';
import type { OpenPlan } from './raw.ts';

type Message = string | Buffer | object;

/** Returns a function that opens links over a client that is measured. */
export function clientOpener(
  load: Load,
  { connect }: RunningPeer,
  { port, shape }: OpenPlan,
): (number: number) => Promise<Link> {
  const messages = payloadsOf(shape).map((payload): Message => {
    if (shape.kind === 'binary') return payload;
    return shape.kind === 'text' ? payload.toString() : (JSON.parse(payload.toString()) as object);
  });
  // One function for all links does not count as memory of each.
  const onLost = (): void => load.fail('connection lost');

  return async (number) => {
    const first = number % messages.length;
    const link = new ClientLink(load, messages, first);
    const url = `ws://127.0.0.1:${port}${targetOf(first)}`;
    link.socket = await connect?.({ url, shape, onLost, onMessage: (data) => link.onMessage(data) });
    return link;
  };
}

class ClientLink implements Link {
  index = 0;
  outstanding = 0;
  readonly rest = 0;
  socket: ClientSocket | undefined;
  readonly #load: Load;
  readonly #messages: readonly Message[];
  readonly #first: number;
  #sent: number;
  #answered: number;

  constructor(load: Load, messages: readonly Message[], first: number) {
    this.#load = load;
    this.#messages = messages;
    this.#first = this.#sent = this.#answered = first;
  }

  send(count: number): void {
    for (let i = 0; i < count; i++) this.socket?.send(this.#messages[this.#sent++ % this.#messages.length] as Message);
  }

  close(): void {}

  onMessage(data: unknown): void {
    const message = this.#messages[this.#answered % this.#messages.length] as Message;
    // The first answers are compared byte by byte, later ones only in ways that cost the measured clients nothing.
    const matches = this.#answered++ < this.#first + this.#messages.length ? isMessage : looksLike;
    if (matches(data, message)) this.#load.onAnswers(this, 1);
    else this.#load.fail(WRONG_MESSAGE);
  }
}

function isMessage(data: unknown, message: Message): boolean {
  const isBytes = data instanceof ArrayBuffer || data instanceof Uint8Array;
  return isDeepStrictEqual(isBytes ? Buffer.from(data as Uint8Array) : data, message);
}

/** Compares the size, and what tells one message from another. */
function looksLike(data: unknown, message: Message): boolean {
  if (typeof data === 'string' && typeof message === 'string') {
    return data.length === message.length && data.charCodeAt(0) === message.charCodeAt(0);
  }
  if (message instanceof Buffer) {
    const bytes = data instanceof ArrayBuffer ? new Uint8Array(data) : (data as Uint8Array);
    return bytes.length === message.length && bytes[0] === message[0];
  }
  const [own, other] = [data, message] as { readonly id: number; readonly text: string }[];
  return own?.id === other?.id && own?.text.length === other?.text.length;
}
