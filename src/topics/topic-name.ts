/** Longest name in bytes of UTF-8. */
export const MAX_TOPIC_BYTES = 256;

/** Characters that no name may have: control characters, and those that brokers read as patterns. */
// oxlint-disable-next-line no-control-regex -- control characters are what is looked for
const FORBIDDEN = /[\u0000-\u001f\u007f-\u009f*#>]/;

/** A surrogate without its other half, which UTF-8 cannot hold. */
const LONE_SURROGATE = /\p{Surrogate}/u;

/**
 * Finds out what is wrong with the name of a topic, in words for an error. No `node:` module is needed here.
 *
 * @returns undefined when nothing is wrong
 */
export function findTopicProblem(name: unknown): string | undefined {
  if (typeof name !== 'string') return 'the name of a topic must be a text';
  if (name === '') return 'the name of a topic must not be empty';
  if (name.startsWith('@')) return 'the name of a topic must not begin with @, which marks names of the library';
  if (FORBIDDEN.test(name)) return 'the name of a topic must not have control characters, *, # or >';
  if (LONE_SURROGATE.test(name)) return 'the name of a topic must be valid Unicode';
  const bytes = utf8Bytes(name);
  return bytes > MAX_TOPIC_BYTES
    ? `the name of a topic must have at most ${MAX_TOPIC_BYTES} bytes of UTF-8; this one has ${bytes}`
    : undefined;
}

/** Number of bytes of a text in UTF-8. */
function utf8Bytes(text: string): number {
  let bytes = 0;
  for (const character of text) {
    const code = character.codePointAt(0) as number;
    bytes += code < 0x80 ? 1 : code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;
  }
  return bytes;
}
