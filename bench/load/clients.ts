import { isDeepStrictEqual } from 'node:util';
import { payloadsOf } from '../messages.ts';
import type { RunningPeer } from '../peers/peer.ts';
import { WRONG_MESSAGE } from './answers.ts';
import { type Link, type Load, NO_MESSAGES } from './load.ts';
import type { OpenPlan } from './raw.ts';

type Message = string | Buffer | object;

export function clientOpener(
  load: Load,
  peer: RunningPeer,
  { port, shape }: OpenPlan,
): (number: number) => Promise<Link> {
  const messages = payloadsOf(shape).map((payload): Message => {
    if (shape.kind === 'binary') return payload;
    return shape.kind === 'text' ? payload.toString() : (JSON.parse(payload.toString()) as object);
  });
  const messageAt = (n: number): Message => messages[n % messages.length] as Message;
  // One function for all links does not count as memory of each.
  const onLost = (): void => load.fail('connection lost');
  return async (number) => {
    const first = number % messages.length;
    let [sent, answered] = [first, first];
    const link: Link = {
      ...NO_MESSAGES,
      send(count) {
        for (let i = 0; i < count; i++) socket?.send(messageAt(sent++));
      },
      close() {},
    };
    const onMessage = (data: unknown): void => {
      // The first answers are compared byte by byte, later ones only in ways that cost the measured clients nothing.
      const matches = answered < first + messages.length ? isMessage : looksLike;
      if (matches(data, messageAt(answered++))) load.onAnswers(link, 1);
      else load.fail(WRONG_MESSAGE);
    };
    const url = `ws://127.0.0.1:${port}/bench?${first}`;
    const socket = await peer.connect?.({ url, shape, onMessage, onLost });
    return link;
  };
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
