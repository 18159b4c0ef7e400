/** What the messages of a load are like. */
export interface MessageShape {
  readonly kind: 'text' | 'binary' | 'object';
  /** Size of the payload, on the wire when it is not compressed. */
  readonly bytes: number;
  /** Whether both sides compress, each message on its own. */
  readonly isCompressed?: boolean;
}

const VARIANTS = 16;
/** Of messages above {@link LARGE_BYTES}: all variants lie in memory. */
const LARGE_VARIANTS = 4;
const LARGE_BYTES = 65_536;
/** Bytes at the beginning that tell one variant from another, so that comparing two of them ends early. */
const MARK_BYTES = 4;
const FIRST_MARK = 'A'.charCodeAt(0);
const FIRST_ID = 4711;

const SENTENCE = 'The quick brown fox jumps over the lazy dog. ';

/**
 * How many different messages follow one another in a load, again and again. The same message many times would let a server
 * do work once that real messages cost each time: this library frames and compresses a text once that goes to many.
 */
export function countVariants({ bytes }: MessageShape): number {
  return bytes > LARGE_BYTES ? LARGE_VARIANTS : VARIANTS;
}

/**
 * The payload of a message of a load, as bytes on the wire: the same in each process.
 *
 * @param variant - which of the messages that differ, 0 to {@link countVariants} - 1; all have the same size
 */
export function payloadOf({ kind, bytes }: MessageShape, variant = 0): Buffer {
  if (kind === 'object') return Buffer.from(JSON.stringify(objectOf(bytes, FIRST_ID + variant)));
  const payload = kind === 'text' ? Buffer.alloc(bytes, SENTENCE) : noise(bytes);
  return payload.fill(FIRST_MARK + variant, 0, Math.min(MARK_BYTES, bytes));
}

/** Any bytes will do, as long as few of them look like text: the generator of Numerical Recipes. */
function noise(length: number): Buffer {
  const bytes = Buffer.alloc(length);
  let state = 1;
  for (let i = 0; i < length; i++) {
    state = (state * 1_664_525 + 1_013_904_223) >>> 0;
    bytes[i] = state >>> 24;
  }
  return bytes;
}

/** An object whose JSON has this many bytes. */
function objectOf(bytes: number, id: number): object {
  const object = { id, type: 'chat', isNew: true, text: '' };
  return {
    ...object,
    text: SENTENCE.repeat(Math.ceil(bytes / SENTENCE.length)).slice(0, bytes - JSON.stringify(object).length),
  };
}
