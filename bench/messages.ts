/** What the messages of a load are like. */
export interface MessageShape {
  readonly kind: 'text' | 'binary' | 'object';
  /** Size of the payload, on the wire when it is not compressed. */
  readonly bytes: number;
  /** Whether both sides compress, each message on its own. */
  readonly isCompressed?: boolean;
}

const SENTENCE = 'The quick brown fox jumps over the lazy dog. ';

/** The payload of every message of a load, as bytes on the wire: the same in each process. */
export function payloadOf({ kind, bytes }: MessageShape): Buffer {
  if (kind === 'text') return Buffer.alloc(bytes, SENTENCE);
  if (kind === 'object') return Buffer.from(JSON.stringify(objectOf(bytes)));
  // Any bytes will do, as long as few of them look like text: the generator of Numerical Recipes.
  let state = 1;
  return Buffer.from(
    Uint8Array.from({ length: bytes }, () => (state = (state * 1_664_525 + 1_013_904_223) >>> 0) >>> 24),
  );
}

/** An object whose JSON has this many bytes. */
function objectOf(bytes: number): object {
  const object = { id: 4711, type: 'chat', isNew: true, text: '' };
  return {
    ...object,
    text: SENTENCE.repeat(Math.ceil(bytes / SENTENCE.length)).slice(0, bytes - JSON.stringify(object).length),
  };
}
