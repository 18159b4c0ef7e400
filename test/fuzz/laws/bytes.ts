import fc from 'fast-check';
import { expect } from 'vitest';
import { buildClosePayload, isSendableCloseCode, parseClosePayload } from '../../../src/protocol/close.ts';
import { applyMask, rotateKey } from '../../../src/protocol/mask.ts';
import { Utf8Validator } from '../../../src/protocol/utf8.ts';
import { maskByFormula } from '../../helpers/frames.ts';
import { defineLaw, type Law } from '../law.ts';

/** Generates bytes in which UTF-8 sequences often begin, go on and break off. */
const almostUtf8 = fc
  .array(
    fc.oneof(
      fc.string({ unit: 'binary', maxLength: 3 }).map((text) => Array.from(Buffer.from(text))),
      fc.constantFrom(0xc2, 0xe0, 0xe1, 0xed, 0xef, 0xf0, 0xf1, 0xf4, 0xf5).map((lead) => [lead]),
      fc.constantFrom(0x7f, 0x80, 0x8f, 0x90, 0x9f, 0xa0, 0xbf, 0xc0).map((byte) => [byte]),
    ),
    { maxLength: 12 },
  )
  .map((pieces) => Buffer.from(pieces.flat()));

function isDecodable(bytes: Uint8Array): boolean {
  try {
    new TextDecoder('utf-8', { fatal: true }).decode(bytes);
    return true;
  } catch {
    return false;
  }
}

/** Whether some text begins with these bytes: at most three more bytes complete it. */
function isPrefixOfText(bytes: Buffer): boolean {
  const ends = ['', '80', '8080', '808080', 'bf', 'bfbf', 'bfbfbf'];
  return ends.some((end) => isDecodable(Buffer.concat([bytes, Buffer.from(end, 'hex')])));
}

const maskings = fc.record({
  payload: fc.oneof(fc.uint8Array({ maxLength: 40 }), fc.uint8Array({ minLength: 200, maxLength: 600 })),
  key: fc.uint8Array({ minLength: 4, maxLength: 4 }).map((bytes) => Buffer.from(bytes)),
  offset: fc.nat(9),
  cut: fc.nat(),
});

const codes = fc.oneof(fc.integer({ min: 1000, max: 1014 }), fc.integer({ min: 3000, max: 4999 }));
const reasons = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 40 }),
  fc.string({ unit: 'binary', minLength: 40, maxLength: 200 }),
);

export const byteLaws: readonly Law[] = [
  defineLaw(
    'RFC 3629 4: every split of any bytes is validated as by TextDecoder, and as early as possible',
    2000,
    fc.property(almostUtf8, fc.array(fc.nat(5), { minLength: 1, maxLength: 5 }), (bytes, sizes) => {
      const validator = new Utf8Validator();
      let isValid = true;
      for (let offset = 0, i = 0; offset < bytes.length && isValid; i++) {
        // Empty pieces are allowed, but every eighth piece has a byte.
        const size = i % 8 === 7 ? 1 : sizes[i % sizes.length]!;
        const end = Math.min(offset + size, bytes.length);
        isValid = validator.push(bytes, offset, end, false);
        expect(isValid).toBe(isPrefixOfText(bytes.subarray(0, end)));
        offset = end;
      }
      expect(isValid && validator.isComplete).toBe(isDecodable(bytes));
    }),
  ),
  defineLaw(
    'RFC 6455 5.3: any bytes at any offset, cut anywhere, are masked as the formula says',
    1000,
    fc.property(maskings, ({ payload, key, offset, cut: anyCut }) => {
      const cut = anyCut % (payload.length + 1);
      const expected = maskByFormula(payload, key.toString('hex'));
      const bytes = Buffer.concat([Buffer.alloc(offset), payload, Buffer.alloc(3)]);
      const word = key.readInt32BE(0);
      const isHeadAscii = applyMask(bytes, offset, offset + cut, word);
      const isTailAscii = applyMask(bytes, offset + cut, offset + payload.length, rotateKey(word, cut));
      expect(bytes.equals(Buffer.concat([Buffer.alloc(offset), expected, Buffer.alloc(3)]))).toBe(true);
      expect(isHeadAscii).toBe(expected.subarray(0, cut).every((byte) => byte < 0x80));
      expect(isTailAscii).toBe(expected.subarray(cut).every((byte) => byte < 0x80));
    }),
  ),
  defineLaw(
    'RFC 6455 5.5.1: any valid code and any reason are parsed as built, the reason cut to 123 bytes',
    500,
    fc.property(codes.filter(isSendableCloseCode), reasons, (code, reason) => {
      const payload = buildClosePayload(code, reason);
      const result = parseClosePayload(payload);
      expect(payload.length).toBeLessThanOrEqual(125);
      expect('code' in result && result.code).toBe(code);
      const back = ('reason' in result && result.reason) || '';
      expect(reason.startsWith(back)).toBe(true);
      // The next character of the reason would not have fitted.
      const next = String.fromCodePoint(reason.codePointAt(back.length) ?? 0);
      if (back !== reason) expect(payload.length + Buffer.byteLength(next)).toBeGreaterThan(125);
    }),
  ),
  defineLaw(
    'RFC 6455 5.5.1: any payload of a close frame is refused, or has a code that may be sent',
    500,
    fc.property(fc.uint8Array({ maxLength: 125 }), (bytes) => {
      const result = parseClosePayload(Buffer.from(bytes));
      expect('error' in result || result.code === 1005 || isSendableCloseCode(result.code)).toBe(true);
    }),
  ),
];
