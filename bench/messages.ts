export interface MessageShape {
  readonly kind: 'text' | 'binary' | 'object';
  readonly bytes: number;
  /** Whether a text is German, with letters of two bytes, instead of English. */
  readonly isWide?: boolean;
  /** Size of the frames in which a load sends the message; by default the message is one frame. */
  readonly fragmentBytes?: number;
  /** Whether both sides compress each message on its own. */
  readonly isCompressed?: boolean;
}

const FIRST_ID = 4711;

const SENTENCE = 'The quick brown fox jumps over the lazy dog. ';
const WIDE_SENTENCE = 'Zwölf Boxkämpfer jagen Viktor quer über den großen Sylter Deich. ';

/**
 * Returns the payloads of the messages that a load sends in turns, the same in each process. They differ, because for
 * equal messages a server could save work: this library frames and compresses a text only once for many receivers.
 */
export function payloadsOf(shape: MessageShape): readonly Buffer[] {
  const count = shape.bytes > 65_536 ? 4 : 16;
  return Array.from({ length: count }, (_, variant) => payloadOf(shape, variant));
}

export function payloadOf({ kind, bytes, isWide }: MessageShape, variant = 0): Buffer {
  if (kind === 'object') return Buffer.from(JSON.stringify(objectOf(bytes, FIRST_ID + variant)));
  const payload = kind === 'binary' ? noise(bytes) : textOf(bytes, isWide === true ? WIDE_SENTENCE : SENTENCE);
  return payload.fill('A'.charCodeAt(0) + variant, 0, Math.min(4, bytes));
}

function textOf(bytes: number, sentence: string): Buffer {
  const text = Buffer.alloc(bytes, sentence);
  // A letter of two bytes may be cut at the end.
  if ((text.at(-1) as number) >= 0xc0) text.fill(' ', bytes - 1);
  return text;
}

function noise(length: number): Buffer {
  const bytes = Buffer.alloc(length);
  let state = 1;
  for (let i = 0; i < length; i++) {
    state = (state * 1_664_525 + 1_013_904_223) >>> 0;
    bytes[i] = state >>> 24;
  }
  return bytes;
}

function objectOf(bytes: number, id: number): object {
  const object = { id, type: 'chat', isNew: true, text: '' };
  const textBytes = bytes - JSON.stringify(object).length;
  return { ...object, text: SENTENCE.repeat(Math.ceil(bytes / SENTENCE.length)).slice(0, textBytes) };
}
