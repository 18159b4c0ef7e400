import { type MessageShape, payloadsOf } from '../messages.ts';
import { firstByteOf, inflatesTo, readFrames } from './frames.ts';

/** The number of the message that must come next on a connection, and how many of its bytes have come. */
export type Place = Record<'variant' | 'rest', number>;

/**
 * Compares `bytes[0..count)` with what must come next on a connection, and advances its place. Returns the number of
 * messages that these bytes complete; a wrong byte throws.
 */
export type ReadMessages = (place: Place, count: number, bytes: Uint8Array) => number;

export const WRONG_MESSAGE =
  'a message is not the expected one: it was changed, not compressed as agreed, lost, sent twice or overtaken';

/** Reads frames of one size that are known beforehand, or only counts their bytes: clients mask with other keys each time. */
export function readKnown(frames: readonly Buffer[], compares = true): ReadMessages {
  const cycle = Buffer.concat(frames);
  const size = cycle.length / frames.length;
  // Longer than the cycle, so that a piece that goes over its end can be compared at once.
  const repeated = Buffer.alloc(cycle.length + 65_536, cycle);
  return (place, count, bytes) => {
    const offset = place.variant * size + place.rest;
    for (let done = compares ? 0 : count; done < count;) {
      const begin = (offset + done) % cycle.length;
      const piece = Math.min(count - done, repeated.length - begin);
      if (repeated.compare(bytes, done, done + piece, begin, begin + piece) !== 0) throw new Error(WRONG_MESSAGE);
      done += piece;
    }
    const messages = Math.floor((place.rest + count) / size);
    place.rest += count - messages * size;
    place.variant = (place.variant + messages) % frames.length;
    return messages;
  };
}

/**
 * Reads messages that a peer compresses in its own way, and not always to the same bytes: zlib writes the end of a flush
 * twice when the first end just fills its buffer, which happens to ws now and then. Each form is inflated and compared
 * once, then known.
 */
export function readCompressed(shape: MessageShape, isMasked: boolean): ReadMessages {
  const messages = payloadsOf(shape).map((payload) => ({ payload, forms: [] as Buffer[] }));
  const rests = new Map<Place, Buffer>();
  return (place, count, bytes) => {
    const come = Buffer.from(bytes.buffer, bytes.byteOffset, count);
    const all = place.rest === 0 ? come : Buffer.concat([rests.get(place) as Buffer, come]);
    let read = 0;
    const length = readFrames(all, isMasked, (sent, firstByte) => {
      const { payload, forms } = messages[place.variant] as (typeof messages)[number];
      const isKnown = forms.some((form) => form.equals(sent));
      if (firstByte !== firstByteOf(shape) || !(isKnown || inflatesTo(sent, payload))) throw new Error(WRONG_MESSAGE);
      if (!isKnown) forms.push(Buffer.from(sent));
      place.variant = (place.variant + 1) % messages.length;
      read++;
    });
    place.rest = all.length - length;
    // The rest is copied, because the next read of a socket overwrites the memory.
    if (place.rest > 0) rests.set(place, Buffer.from(all.subarray(length)));
    return read;
  };
}

/** Frames that repeat in a cycle, at most `most` in one write: by the number of the first one, then by their count. */
export function runsOf(frames: readonly Buffer[], most: number): readonly (readonly Buffer[])[] {
  // The first frames are repeated at the end, so that a run that goes over the end is one piece.
  const all = Array.from({ length: frames.length + most }, (_, i) => frames[i % frames.length] as Buffer);
  const bytes = Buffer.concat(all);
  const begins = [0];
  for (const frame of all) begins.push((begins.at(-1) as number) + frame.length);
  const runsFrom = (first: number): readonly Buffer[] =>
    Array.from({ length: most + 1 }, (_, count) => bytes.subarray(begins[first], begins[first + count]));
  return frames.map((_, first) => runsFrom(first));
}
