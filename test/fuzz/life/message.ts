import type { SendableMessage } from '../../../src/index.ts';
import type { MessageForm } from './scenario.ts';

/** A message that carries its number, in whatever form it arrives. */
export interface Numbered {
  readonly n: number;
  readonly pad: string;
}

/** An argument of `send`. `spoil` overwrites its memory, where that is allowed as soon as `send` has returned. */
export interface Sendable {
  readonly value: SendableMessage;
  readonly spoil: () => void;
}

/** Bytes of at least this size must not change before they have left. */
const LARGE_BYTES = 16_384;

/** The characters that fill messages, by number of the message: mostly ASCII. */
const FILLS = ['a', 'b', 'c', 'd', 'é', 'f', 'g', '€', 'h', '😀'] as const;

/** @param length - length of the filling, in characters */
export function numberedMessage(n: number, length: number): Numbered {
  return { n, pad: fillOf(n).repeat(length) };
}

export function toSendable(message: Numbered, form: MessageForm): Sendable {
  const text = JSON.stringify(message);
  if (form === 'text') return { value: text, spoil: doNothing };
  if (form === 'object') return { value: { ...message }, spoil: doNothing };
  // Extra bytes in front and behind show when a view loses its bounds.
  const encoded = Buffer.from(text);
  const memory = new Uint8Array(encoded.length + 10).fill(0x21);
  memory.set(encoded, 5);
  const view = memory.subarray(5, 5 + encoded.length);
  const buffer = form === 'buffer' ? view.slice().buffer : undefined;
  const spoil = (): void => void (view.length < LARGE_BYTES && (buffer ? new Uint8Array(buffer) : view).fill(0x3f));
  return { value: form === 'bytes' ? Buffer.from(memory.buffer, 5, encoded.length) : (buffer ?? view), spoil };
}

/** Returns the number of a message that has arrived; undefined when its content has changed. */
export function numberOf(data: unknown): number | undefined {
  try {
    const value = data instanceof Uint8Array ? Buffer.from(data).toString('utf8') : data;
    const { n, pad } = (typeof value === 'string' ? JSON.parse(value) : value) as Numbered;
    const fill = fillOf(n);
    return pad === fill.repeat(pad.length / fill.length) ? n : undefined;
  } catch {
    return undefined;
  }
}

function doNothing(): void {}

function fillOf(n: number): string {
  return FILLS[Math.abs(n) % FILLS.length] as string;
}
