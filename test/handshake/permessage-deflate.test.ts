import { describe, expect, test } from 'vitest';
import { parseExtensions } from '../../src/handshake/header-grammar.ts';
import {
  acceptOffer,
  buildOffer,
  checkAnswer,
  type DeflateParameters,
} from '../../src/handshake/permessage-deflate.ts';

const OPEN: DeflateParameters = {
  serverNoContextTakeover: false,
  clientNoContextTakeover: false,
  serverMaxWindowBits: 15,
  clientMaxWindowBits: 15,
};
const ALONE: DeflateParameters = { ...OPEN, serverNoContextTakeover: true, clientNoContextTakeover: true };

/** Returns the server's answer to an offer, undefined when the server declines. */
function answerTo(header: string, wanted: DeflateParameters = OPEN): string | undefined {
  return acceptOffer(parseExtensions(header)!, wanted)?.answer;
}

/** Returns the client's result for an answer: the parameters, or the text of the violation. */
function readAnswer(
  header: string,
  offered: DeflateParameters | undefined = OPEN,
): DeflateParameters | undefined | string {
  return checkAnswer(parseExtensions(header)!, offered);
}

describe('RFC 7692 7.1: the server chooses', () => {
  test.each([
    ['permessage-deflate', 'permessage-deflate'],
    ['permessage-deflate; client_max_window_bits', 'permessage-deflate'],
    ['permessage-deflate; client_max_window_bits=15', 'permessage-deflate'],
    ['permessage-deflate; client_max_window_bits=10', 'permessage-deflate; client_max_window_bits=10'],
    ['permessage-deflate; client_max_window_bits="9"', 'permessage-deflate; client_max_window_bits=9'],
    ['permessage-deflate; client_max_window_bits=8', 'permessage-deflate; client_max_window_bits=8'],
    ['permessage-deflate; server_max_window_bits=9', 'permessage-deflate; server_max_window_bits=9'],
    ['permessage-deflate; server_max_window_bits=15', 'permessage-deflate; server_max_window_bits=15'],
    ['permessage-deflate; server_no_context_takeover', 'permessage-deflate; server_no_context_takeover'],
    ['permessage-deflate; client_no_context_takeover', 'permessage-deflate; client_no_context_takeover'],
    [
      'permessage-deflate; client_max_window_bits=12; server_max_window_bits=11; client_no_context_takeover; server_no_context_takeover',
      'permessage-deflate; server_no_context_takeover; client_no_context_takeover; server_max_window_bits=11; client_max_window_bits=12',
    ],
  ])('a server with default settings answers %s', (offer, answer) => {
    expect(answerTo(offer)).toBe(answer);
  });

  test.each([
    ['another extension', 'x-webkit-deflate-frame, bbf-usp-protocol'],
    ['an unknown parameter', 'permessage-deflate; level=9'],
    ['a parameter named like a member of Object.prototype', 'permessage-deflate; constructor'],
    ['a parameter twice', 'permessage-deflate; server_no_context_takeover; server_no_context_takeover'],
    ['a window twice', 'permessage-deflate; client_max_window_bits; client_max_window_bits=10'],
    ['a value where none is allowed', 'permessage-deflate; server_no_context_takeover=true'],
    ['a value where none is allowed, client', 'permessage-deflate; client_no_context_takeover=1'],
    ['no value where one is needed', 'permessage-deflate; server_max_window_bits'],
    ['a window that zlib cannot compress with', 'permessage-deflate; server_max_window_bits=8'],
    ['too small a window', 'permessage-deflate; server_max_window_bits=7'],
    ['too large a window', 'permessage-deflate; client_max_window_bits=16'],
    ['a huge window', 'permessage-deflate; client_max_window_bits=1000000'],
    ['leading zeros', 'permessage-deflate; client_max_window_bits=010'],
    ['leading zeros of two digits', 'permessage-deflate; client_max_window_bits=09'],
    ['no number', 'permessage-deflate; client_max_window_bits=1x'],
    ['a negative number', 'permessage-deflate; client_max_window_bits=-9'],
    ['another case', 'Permessage-Deflate'],
  ])('%s is declined, and so is an empty offer', (_, offer) => {
    expect(answerTo(offer)).toBeUndefined();
    expect(answerTo(`${offer}, permessage-deflate`)).toBe('permessage-deflate');
    expect(acceptOffer([], OPEN)).toBeUndefined();
  });

  test('the first offer that the server can meet is accepted', () => {
    expect(
      answerTo(
        'permessage-deflate; server_max_window_bits=8, permessage-deflate; server_max_window_bits=10, permessage-deflate',
      ),
    ).toBe('permessage-deflate; server_max_window_bits=10');
  });

  test('RFC 7692 7.1.1.2: tells whether the client itself offered to keep no context', () => {
    const [client, server] = ['client_no_context_takeover', 'server_no_context_takeover'].map((parameter) =>
      acceptOffer(parseExtensions(`permessage-deflate; ${parameter}`)!, OPEN),
    );
    expect([client?.clientOfferedNoContext, server?.clientOfferedNoContext]).toEqual([true, false]);
  });

  test('the stricter of both sides is agreed on', () => {
    const strict = { ...ALONE, serverMaxWindowBits: 10, clientMaxWindowBits: 11 };
    expect(acceptOffer(parseExtensions('permessage-deflate; client_max_window_bits')!, strict)).toEqual({
      parameters: strict,
      answer:
        'permessage-deflate; server_no_context_takeover; client_no_context_takeover; server_max_window_bits=10; client_max_window_bits=11',
      clientOfferedNoContext: false,
    });
    expect(answerTo('permessage-deflate; server_max_window_bits=9; client_max_window_bits=9', strict)).toBe(
      'permessage-deflate; server_no_context_takeover; client_no_context_takeover; server_max_window_bits=9; client_max_window_bits=9',
    );
    expect(answerTo('permessage-deflate; server_max_window_bits=12; client_max_window_bits=12', strict)).toContain(
      'server_max_window_bits=10; client_max_window_bits=11',
    );
  });

  test('RFC 7692 7.1.2.2: a client that cannot limit its window must not use context takeover instead', () => {
    const small = { ...OPEN, clientMaxWindowBits: 10 };
    expect(acceptOffer(parseExtensions('permessage-deflate')!, small)).toEqual({
      parameters: { ...OPEN, clientNoContextTakeover: true },
      answer: 'permessage-deflate; client_no_context_takeover',
      clientOfferedNoContext: false,
    });
    expect(acceptOffer(parseExtensions('permessage-deflate; client_max_window_bits')!, small)?.parameters).toEqual(
      small,
    );
  });
});

describe('RFC 7692 7.1: the client', () => {
  test.each<[Partial<DeflateParameters>, string]>([
    [{}, 'permessage-deflate; client_max_window_bits, permessage-deflate'],
    [
      ALONE,
      'permessage-deflate; server_no_context_takeover; client_no_context_takeover; client_max_window_bits, permessage-deflate',
    ],
    [
      { serverMaxWindowBits: 9, clientMaxWindowBits: 10 },
      'permessage-deflate; server_max_window_bits=9; client_max_window_bits=10, permessage-deflate',
    ],
  ])('offers %j', (wanted, offer) => {
    expect(buildOffer({ ...OPEN, ...wanted })).toBe(offer);
  });

  test('accepts the parameters of the answer', () => {
    expect(checkAnswer([], OPEN)).toBeUndefined();
    expect(checkAnswer([], undefined)).toBeUndefined();
    expect(readAnswer('permessage-deflate')).toEqual(OPEN);
    expect(
      readAnswer(
        'permessage-deflate; server_no_context_takeover; client_no_context_takeover; server_max_window_bits=8; client_max_window_bits=8',
      ),
    ).toEqual({ ...ALONE, serverMaxWindowBits: 8, clientMaxWindowBits: 8 });
  });

  test('keeps the limits that it offered for itself, whatever the server answers', () => {
    const offered = { ...OPEN, clientNoContextTakeover: true, clientMaxWindowBits: 10 };
    expect(readAnswer('permessage-deflate', offered)).toEqual(offered);
    expect(readAnswer('permessage-deflate; client_max_window_bits=9', offered)).toEqual({
      ...offered,
      clientMaxWindowBits: 9,
    });
  });

  const NOT_OFFERED = 'Sec-WebSocket-Extensions names an extension that was not offered';
  const INVALID = 'Sec-WebSocket-Extensions has an invalid parameter of permessage-deflate';
  test.each<[string, string, Partial<DeflateParameters>]>([
    ['bbf-usp-protocol', NOT_OFFERED, {}],
    ['permessage-deflate, permessage-deflate', NOT_OFFERED, {}],
    ['permessage-deflate; client_max_window_bits', INVALID, {}],
    ['permessage-deflate; server_max_window_bits', INVALID, {}],
    ['permessage-deflate; server_max_window_bits=16', INVALID, {}],
    ['permessage-deflate; client_max_window_bits=7', INVALID, {}],
    ['permessage-deflate; server_no_context_takeover; server_no_context_takeover', INVALID, {}],
    ['permessage-deflate; __proto__', INVALID, {}],
    [
      'permessage-deflate; client_max_window_bits=11',
      'Sec-WebSocket-Extensions exceeds the client_max_window_bits of the offer',
      { clientMaxWindowBits: 10 },
    ],
  ])('refuses the answer %s: %s', (header, problem, offered) => {
    expect(readAnswer(header, { ...OPEN, ...offered })).toBe(problem);
  });

  test.each<[string, Partial<DeflateParameters>, Partial<DeflateParameters>]>([
    ['permessage-deflate', { serverNoContextTakeover: true }, { serverNoContextTakeover: false }],
    ['permessage-deflate', { serverMaxWindowBits: 10 }, { serverMaxWindowBits: 15 }],
    ['permessage-deflate; server_max_window_bits=11', { serverMaxWindowBits: 10 }, { serverMaxWindowBits: 11 }],
  ])('takes the settings of the server from the answer %s, also beyond those of %j', (header, offered, agreed) => {
    expect(readAnswer(header, { ...OPEN, ...offered })).toEqual({ ...OPEN, ...agreed });
  });

  test('refuses an answer without an offer', () => {
    expect(checkAnswer(parseExtensions('permessage-deflate')!, undefined)).toBe(NOT_OFFERED);
  });
});

test('client and server of the library agree with any settings', () => {
  const bits = [8, 9, 12, 15];
  let agreements = 0;
  for (const flags of Array.from({ length: 16 }, (_, i) => i)) {
    for (const clientBits of bits) {
      for (const serverBits of bits) {
        const client = {
          serverNoContextTakeover: (flags & 1) !== 0,
          clientNoContextTakeover: (flags & 2) !== 0,
          serverMaxWindowBits: Math.max(9, clientBits),
          clientMaxWindowBits: Math.max(9, serverBits),
        };
        const server = {
          serverNoContextTakeover: (flags & 4) !== 0,
          clientNoContextTakeover: (flags & 8) !== 0,
          serverMaxWindowBits: Math.max(9, serverBits),
          clientMaxWindowBits: Math.max(9, clientBits),
        };
        const accepted = acceptOffer(parseExtensions(buildOffer(client))!, server)!;
        expect(checkAnswer(parseExtensions(accepted.answer)!, client)).toEqual(accepted.parameters);
        agreements++;
      }
    }
  }
  expect(agreements).toBe(256);
});
