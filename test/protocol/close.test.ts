import { describe, expect, test } from 'vitest';
import { buildClosePayload, isSendableCloseCode, parseClosePayload } from '../../src/protocol/close.ts';
import { hex } from '../helpers/frames.ts';

/** All codes that a close frame may have: RFC 6455 section 7.4 and the additions in the IANA registry. */
const SENDABLE: readonly (readonly [from: number, to: number])[] = [
  [1000, 1003],
  [1007, 1014],
  [3000, 4999],
];
const CODES = [...Array.from({ length: 5001 }, (_, code) => code), 65_535];

function parse(payload: string): unknown {
  const result = parseClosePayload(hex(payload));
  return 'error' in result ? result.error : result;
}

describe('RFC 6455 7.4: close codes', () => {
  test('RFC 6455 7.4: of 0 to 5000 and 65535 only the codes of the table may be sent', () => {
    const expected = CODES.filter((code) => SENDABLE.some(([from, to]) => code >= from && code <= to));
    expect(CODES.filter(isSendableCloseCode)).toEqual(expected);
  });

  test('RFC 6455 7.4: of 0 to 5000 and 65535 only the codes of the table are accepted', () => {
    const results = CODES.map((code) => parse(code.toString(16).padStart(4, '0')));
    expect(results).toEqual(
      CODES.map((code) =>
        SENDABLE.some(([from, to]) => code >= from && code <= to)
          ? { code, reason: undefined }
          : 'ERR_INVALID_CLOSE_CODE',
      ),
    );
  });
});

describe('RFC 6455 5.5.1: reading the payload of a close frame', () => {
  test('RFC 6455 7.1.5: an empty payload is read as 1005 without a reason', () => {
    expect(parse('')).toEqual({ code: 1005, reason: undefined });
  });

  test.each(['00', '03', 'ff'])('RFC 6455 5.5.1: a payload of the one byte %s is refused', (payload) => {
    expect(parse(payload)).toBe('ERR_INVALID_CLOSE_PAYLOAD');
  });

  test.each([
    ['03e8', 1000, undefined],
    ['03e8 627965', 1000, 'bye'],
    ['0fa1 c3a9e282acf09f9880', 4001, 'é€😀'],
    ['0bb8 efbbbf61', 3000, '\uFEFFa'],
    ['03f0 00', 1008, '\0'],
  ])('RFC 6455 5.5.1: the payload %s is read as %i %j', (payload, code, reason) => {
    expect(parse(payload)).toEqual({ code, reason });
  });

  test.each(['80', 'c0af', 'eda080', 'f4908080', '61f09f98'])(
    'RFC 6455 8.1: the reason %s, which is not UTF-8, is refused',
    (reason) => {
      expect(parse(`03e8 ${reason}`)).toBe('ERR_INVALID_UTF8');
    },
  );

  test('RFC 6455 7.4: an invalid code is reported before an invalid reason', () => {
    expect(parse('03ed ff')).toBe('ERR_INVALID_CLOSE_CODE');
  });

  test('error messages contain the code but not the reason', () => {
    const messages = ['03', '03ed 7365637265745f', '03e8 73656372657480'].map((payload) => {
      const result = parseClosePayload(hex(payload));
      return 'error' in result ? result.message : '';
    });
    expect(messages).toEqual([
      'invalid close frame: the payload has 1 byte, but a code takes 2',
      'invalid close frame: code 1005 must not be sent (allowed: 1000-1003, 1007-1014, 3000-4999)',
      'invalid close frame: the reason is not valid UTF-8',
    ]);
  });
});

describe('RFC 6455 5.5.1: building the payload of a close frame', () => {
  test.each([
    [1000, '', '03e8'],
    [1000, 'bye', '03e8627965'],
    [4999, 'é', '1387c3a9'],
    [1005, '', ''],
    [1005, 'a reason needs a code', ''],
  ])('RFC 6455 5.5.1: %i %j becomes %j', (code, reason, expected) => {
    expect(buildClosePayload(code, reason).toString('hex')).toBe(expected);
  });

  test('RFC 6455 8.1: a lone surrogate becomes U+FFFD', () => {
    expect(buildClosePayload(1000, '\ud800x').toString('hex')).toBe('03e8efbfbd78');
  });

  test.each([
    ['a'.repeat(123), 123],
    ['a'.repeat(124), 123],
    ['a'.repeat(100_000), 123],
    ['é'.repeat(61), 122],
    ['é'.repeat(62), 122],
    [`a${'é'.repeat(61)}`, 123],
    ['€'.repeat(41), 123],
    ['€'.repeat(42), 123],
    [`a${'€'.repeat(42)}`, 121],
    [`ab${'€'.repeat(42)}`, 122],
    ['😀'.repeat(31), 120],
    [`a${'😀'.repeat(31)}`, 121],
    [`ab${'😀'.repeat(31)}`, 122],
    [`abc${'😀'.repeat(31)}`, 123],
  ])('RFC 6455 5.5: a long reason is cut between code points (row %#)', (reason, expectedBytes) => {
    const payload = buildClosePayload(1000, reason);
    const text = payload.toString('utf8', 2);
    expect(payload.length).toBe(2 + expectedBytes);
    expect(reason.startsWith(text)).toBe(true);
    expect(parseClosePayload(payload)).toEqual({ code: 1000, reason: text });
  });
});
