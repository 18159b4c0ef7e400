import fc from 'fast-check';
import type { Role } from '../../src/protocol/constants.ts';
import { frame, otherRole } from './frames.ts';

/** A frame before it is written: first byte and payload. */
export interface Part {
  readonly first: number;
  readonly payload: Uint8Array;
}

/** Payloads: most are short, some have the lengths at which headers grow and buffers double. */
const anyBytes: fc.Arbitrary<Uint8Array> = fc.oneof(
  { weight: 8, arbitrary: fc.uint8Array({ maxLength: 40 }) },
  { weight: 1, arbitrary: fc.constantFrom(125, 126, 255, 256, 1024, 16_384, 65_535, 65_536).map(countingBytes) },
);

/** Texts of any characters. Most are short. */
const anyText: fc.Arbitrary<string> = fc.oneof(
  { weight: 8, arbitrary: fc.string({ unit: 'binary', maxLength: 20 }) },
  {
    weight: 1,
    arbitrary: fc
      .tuple(fc.constantFrom('a', 'é', '€', '😀'), fc.constantFrom(31, 42, 63, 125, 5461, 21_846))
      .map(([character, count]) => character.repeat(count)),
  },
);

/** A message to send: a text or bytes. */
export const anyMessage: fc.Arbitrary<string | Uint8Array> = fc.oneof(anyText, anyBytes);

const controlPart: fc.Arbitrary<Part> = fc.record({
  first: fc.constantFrom(0x89, 0x8a),
  payload: fc.uint8Array({ maxLength: 125, size: 'small' }),
});

/** A message in fragments, with control frames between them. */
const messageParts: fc.Arbitrary<Part[]> = fc
  .tuple(anyMessage, fc.array(fc.nat(), { maxLength: 5 }), fc.array(controlPart, { maxLength: 2 }))
  .map(([message, cuts, controls]) => {
    const bytes = typeof message === 'string' ? Buffer.from(message) : message;
    const ends = cuts.map((cut) => cut % (bytes.length + 1)).toSorted((a, b) => a - b);
    const parts = [...ends, bytes.length].map((end, i): Part => {
      const opcode = i > 0 ? 0 : typeof message === 'string' ? 1 : 2;
      const fin = i === ends.length ? 0x80 : 0;
      return { first: fin | opcode, payload: bytes.subarray(i === 0 ? 0 : ends[i - 1], end) };
    });
    for (const [i, control] of controls.entries()) parts.splice(Math.min(i * 2, parts.length), 0, control);
    return parts;
  });

/** Frames that a peer that keeps to the rules sends before it closes. */
export const conversation: fc.Arbitrary<Part[]> = fc
  .array(
    fc.oneof({ weight: 3, arbitrary: messageParts }, { weight: 1, arbitrary: controlPart.map((part) => [part]) }),
    {
      maxLength: 8,
    },
  )
  .map((messages) => messages.flat());

/** Changes of single bytes in a stream, to break rules that no generator covers. */
const mutations: fc.Arbitrary<[at: number, mask: number][]> = fc.array(
  fc.tuple(fc.nat(), fc.integer({ min: 1, max: 255 })),
  { maxLength: 3 },
);

/** Bytes from the peer of `role`: a conversation, perhaps closed, with or without a few wrong bytes, or any bytes. */
export function peerStream(role: Role): fc.Arbitrary<Buffer> {
  const close = fc.constantFrom<Part[]>([], [{ first: 0x88, payload: Buffer.from([3, 232, 98, 121, 101]) }]);
  const talk = fc.tuple(conversation, close, mutations).map(([parts, end, changes]) => {
    const stream = writeParts(role, [...parts, ...end, ...end]);
    for (const [at, mask] of changes) if (stream.length > 0) stream[at % stream.length]! ^= mask;
    return stream;
  });
  const anyParts = fc
    .array(fc.record({ first: fc.nat(255), payload: anyBytes }), { maxLength: 6 })
    .map((parts) => writeParts(role, parts));
  const noise = fc.uint8Array({ maxLength: 300 }).map((bytes) => Buffer.from(bytes));
  return fc.oneof({ weight: 6, arbitrary: talk }, { weight: 2, arbitrary: anyParts }, { weight: 1, arbitrary: noise });
}

/** Frames as the peer of `role` writes them. */
export function writeParts(role: Role, parts: readonly Part[]): Buffer {
  return Buffer.concat(
    parts.map(({ first, payload }) => frame(otherRole(role), first.toString(16).padStart(2, '0'), payload)),
  );
}

/** Sizes of the chunks that a stream arrives in. */
export const chunkSizes: fc.Arbitrary<number[]> = fc.array(
  fc.oneof(fc.integer({ min: 1, max: 8 }), fc.integer({ min: 1, max: 5000 })),
  { minLength: 1, maxLength: 20 },
);

/** Cuts a stream into copies of its pieces. The list of sizes is repeated. */
export function cutStream(stream: Uint8Array, sizes: readonly number[]): Buffer[] {
  const chunks: Buffer[] = [];
  for (let offset = 0, i = 0; offset < stream.length; i++) {
    // Long streams in tiny chunks take time and show nothing new.
    const size = Math.max(sizes[i % sizes.length]!, Math.floor(stream.length / 1000));
    chunks.push(Buffer.from(stream.subarray(offset, offset + size)));
    offset += size;
  }
  return chunks;
}

function countingBytes(length: number): Uint8Array {
  return Uint8Array.from({ length }, (_, i) => i & 0xff);
}
