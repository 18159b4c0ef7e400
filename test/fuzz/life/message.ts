import type { SendableMessage } from '../../../src/index.ts';
import type { MessageForm } from './scenario.ts';

/** A message that shows which one it is, whatever form it arrives in. */
export interface Numbered {
  readonly n: number;
  readonly pad: string;
}

/** What `send` is given. `spoil` changes its memory, where that is allowed as soon as `send` has returned. */
export interface Sendable {
  readonly value: SendableMessage;
  readonly spoil: () => void;
}

/** From this size on bytes must not change before they have left. */
const LARGE_BYTES = 16_384;

/** What messages are filled with, by their number: ASCII most of the time. */
const FILLS = ['a', 'b', 'c', 'd', 'é', 'f', 'g', '€', 'h', '😀'] as const;

/** @param length - of its filling, in characters */
export function numberedMessage(n: number, length: number): Numbered {
  return { n, pad: fillOf(n).repeat(length) };
}

export function toSendable(message: Numbered, form: MessageForm): Sendable {
  const text = JSON.stringify(message);
  if (form === 'text') return { value: text, spoil: doNothing };
  if (form === 'object') return { value: { ...message }, spoil: doNothing };
  // Memory in front and behind, so that a view that loses its bounds shows.
  const encoded = Buffer.from(text);
  const memory = new Uint8Array(encoded.length + 10).fill(0x21);
  memory.set(encoded, 5);
  const view = memory.subarray(5, 5 + encoded.length);
  const buffer = form === 'buffer' ? view.slice().buffer : undefined;
  const spoil = (): void => void (view.length < LARGE_BYTES && (buffer ? new Uint8Array(buffer) : view).fill(0x3f));
  return { value: form === 'bytes' ? Buffer.from(memory.buffer, 5, encoded.length) : (buffer ?? view), spoil };
}

/** The number of a message that has arrived; undefined when it is not as it was sent. */
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
