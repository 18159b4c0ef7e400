import { describe, expect, test } from 'vitest';
import {
  acceptValue,
  buildUpgradeResponse,
  checkUpgradeRequest,
  chooseProtocol,
  describeHostProblem,
  type HandshakeHeaders,
  joined,
  single,
  type UpgradeRequest,
} from '../../src/handshake/server-handshake.ts';

/** The example of RFC 6455 section 1.3. */
const KEY = 'dGhlIHNhbXBsZSBub25jZQ==';
const ACCEPT = 's3pPLMBiTxaQ9kYGzzhZRbK+xOo=';

const HEADERS: HandshakeHeaders = {
  host: 'server.example.com',
  upgrade: 'websocket',
  connection: 'Upgrade',
  'sec-websocket-key': KEY,
  'sec-websocket-version': '13',
};

function check(
  headers: HandshakeHeaders,
  request: Partial<UpgradeRequest> = {},
): ReturnType<typeof checkUpgradeRequest> {
  return checkUpgradeRequest({ method: 'GET', httpVersion: '1.1', headers: { ...HEADERS, ...headers }, ...request });
}

/** Returns the status of the refusal, or 101. */
function statusOf(headers: HandshakeHeaders, request: Partial<UpgradeRequest> = {}): number {
  const result = check(headers, request);
  return result.isValid ? 101 : result.status;
}

describe('RFC 6455 4.2.1: what the server demands of a handshake', () => {
  test('RFC 6455 1.2: the example is accepted', () => {
    const result = check({ origin: 'http://example.com', 'sec-websocket-protocol': 'chat, superchat' });
    expect(result).toEqual({ isValid: true, key: KEY, protocols: ['chat', 'superchat'], extensions: [] });
  });

  test('RFC 6455 4.2.1: without subprotocols the list is empty', () => {
    expect(check({})).toEqual({ isValid: true, key: KEY, protocols: [], extensions: [] });
  });

  test.each(['HEAD', 'POST', 'CONNECT', 'get', undefined])(
    'RFC 6455 4.2.1: the method %s is refused with 405',
    (method) => {
      expect(check({}, { method })).toEqual({
        isValid: false,
        status: 405,
        reason: 'a WebSocket handshake must be a GET request',
        headers: { Allow: 'GET' },
      });
    },
  );

  test('RFC 6455 4.2.1: HTTP/1.0 is refused with 505', () => {
    expect(check({}, { httpVersion: '1.0' })).toEqual({
      isValid: false,
      status: 505,
      reason: 'a WebSocket handshake needs HTTP/1.1',
    });
  });

  test.each(['0.9', '1.2', '2.0', '3.0', '', undefined])(
    'RFC 6455 4.2.1: version %s of HTTP is refused with 400',
    (httpVersion) => {
      expect(check({}, { httpVersion })).toEqual({
        isValid: false,
        status: 400,
        reason: 'a WebSocket handshake needs HTTP/1.1',
      });
    },
  );

  test.each([
    ['several lines', { rawHeaders: ['Host', 'a', 'X', 'b', 'HOST', 'a'] }, 'a'],
    ['a list', {}, 'a, b'],
    ['a path', {}, 'a/b'],
  ])('RFC 9112 3.2: a Host of %s is refused with 400', (_, request, host) => {
    expect(check({ host }, request)).toEqual({
      isValid: false,
      status: 400,
      reason: 'a request needs one Host header with one host',
    });
  });

  test('RFC 9112 3.2: one Host among other headers passes, also an empty one', () => {
    for (const host of ['a', '']) {
      expect(statusOf({ host }, { rawHeaders: ['X', 'Host', 'host', host, 'X-Host', 'b'] })).toBe(101);
    }
  });

  test.each([
    ['/', 'a', 101],
    ['/http://b/', 'a', 101],
    [undefined, 'a', 101],
    ['http://a', 'a', 101],
    ['http://A:80/x?y', 'a:80', 101],
    ['http://b/', 'a', 400],
    ['http://a:81/', 'a', 400],
    ['http://a/', '', 400],
    ['http://u@a/', 'a', 400],
  ])('RFC 9112 3.2: the target %s with the Host %j gets %d', (url, host, status) => {
    expect(statusOf({ host }, { url })).toBe(status);
  });

  test.each(['*', '*/admin', '*admin', '*?a'])('RFC 9112 3.2.4: the target %s is refused with 400', (url) => {
    expect(statusOf({}, { url })).toBe(400);
  });

  test.each([
    ['1.1', 'a request needs a Host header'],
    ['1.0', undefined],
  ])('RFC 9112 3.2: HTTP/%s without Host has the problem %s', (httpVersion, problem) => {
    expect(describeHostProblem({ httpVersion, headers: {} })).toBe(problem);
  });

  test.each([
    ['content-length', '5', 400],
    ['content-length', '10000000000000000000000', 400],
    ['content-length', '0, 5', 400],
    ['content-length', '', 400],
    ['content-length', '-0', 400],
    ['content-length', ['0', '0'], 400],
    ['content-length', '0', 101],
    ['content-length', '00', 101],
    ['transfer-encoding', 'chunked', 400],
    ['transfer-encoding', 'identity', 400],
    ['transfer-encoding', '', 400],
  ])('RFC 9110 7.8: an upgrade with a body is ambiguous: %s: %s gets %d', (name, value, status) => {
    expect(statusOf({ [name]: value })).toBe(status);
  });

  test('RFC 6455 4.2.1: a request without Host is refused with 400', () => {
    expect(check({ host: undefined })).toEqual({
      isValid: false,
      status: 400,
      reason: 'a request needs a Host header',
    });
  });

  test.each(['websocket', 'WebSocket', 'WEBSOCKET', 'h2c, websocket'])(
    'RFC 6455 4.2.1: Upgrade: %s passes',
    (upgrade) => {
      expect(statusOf({ upgrade })).toBe(101);
    },
  );

  test.each([undefined, '', 'h2c', 'websocket/13', 'websockets'])(
    'RFC 6455 4.2.1: Upgrade: %s is refused with 426 and an Upgrade header',
    (upgrade) => {
      expect(check({ upgrade })).toEqual({
        isValid: false,
        status: 426,
        reason: 'this address accepts WebSocket handshakes only',
        headers: { Upgrade: 'websocket' },
      });
    },
  );

  test.each(['upgrade', 'keep-alive, Upgrade', 'UPGRADE,close'])(
    'RFC 6455 4.2.1: Connection: %s passes',
    (connection) => {
      expect(statusOf({ connection })).toBe(101);
    },
  );

  test.each([undefined, '', 'keep-alive', 'upgraded'])(
    'RFC 6455 4.2.1: Connection: %s is refused with 400',
    (connection) => {
      expect(statusOf({ connection })).toBe(400);
    },
  );

  test.each([undefined, '', '8', '12', '14', '013', '13, 8', '13.0', '0x0d'])(
    'RFC 6455 4.2.2: version %s is refused with 426 and the supported version',
    (version) => {
      expect(check({ 'sec-websocket-version': version })).toEqual({
        isValid: false,
        status: 426,
        reason: 'unsupported WebSocket version: send "Sec-WebSocket-Version: 13"',
        headers: { Upgrade: 'websocket', 'Sec-WebSocket-Version': '13' },
      });
    },
  );

  test.each([KEY, 'AAAAAAAAAAAAAAAAAAAAAA==', '//////////////////////==', '++++++++++++++++++++++=='])(
    'RFC 6455 4.2.1: the key %s passes',
    (key) => {
      expect(check({ 'sec-websocket-key': key })).toEqual({ isValid: true, key, protocols: [], extensions: [] });
    },
  );

  test.each([
    undefined,
    '',
    'dGhlIHNhbXBsZSBub25jZQ',
    'dGhlIHNhbXBsZSBub25jZQ=',
    'dGhlIHNhbXBsZSBub25jZQ===',
    'dGhlIHNhbXBsZSBub25j',
    'dGhlIHNhbXBsZSBub25jZSBo',
    'dGhlIHNhbXBsZSBub25jZSE=',
    'dGhlIHNhbXBsZSBub25jZ!==',
    'dGhlIHNhbXBsZSBub25j=A==',
    'dGhlIHNhbXBsZSBub25 ZQ==',
    '----------------------==',
    '______________________==',
  ])('RFC 6455 4.2.1: the key %j is refused with 400', (key) => {
    expect(statusOf({ 'sec-websocket-key': key })).toBe(400);
  });

  test.each(['upgrade', 'connection', 'sec-websocket-key', 'sec-websocket-version', 'host'])(
    'RFC 6455 11.3: %s given as several lines is refused',
    (name) => {
      const value = HEADERS[name] as string;
      expect(statusOf({ [name]: [value, value] })).toBeGreaterThanOrEqual(400);
    },
  );

  test('RFC 6455 9.1: offered extensions are checked and passed on', () => {
    expect(check({ 'sec-websocket-extensions': 'permessage-deflate; client_max_window_bits, x' })).toEqual({
      isValid: true,
      key: KEY,
      protocols: [],
      extensions: [
        { name: 'permessage-deflate', parameters: [['client_max_window_bits', true]] },
        { name: 'x', parameters: [] },
      ],
    });
    expect(statusOf({ 'sec-websocket-extensions': ['a', 'b; c'] })).toBe(101);
    expect(statusOf({ 'sec-websocket-extensions': 'constructor' })).toBe(101);
  });

  test.each([';', 'a; b=', 'x'.repeat(4097), ['a', ';']])(
    'RFC 6455 9.1: malformed extensions are refused with 400 (row %#)',
    (extensions) => {
      expect(statusOf({ 'sec-websocket-extensions': extensions })).toBe(400);
    },
  );

  test('RFC 6455 11.3.4: subprotocols may be spread over several lines', () => {
    expect(check({ 'sec-websocket-protocol': ['chat', 'a, b'] })).toEqual({
      isValid: true,
      key: KEY,
      protocols: ['chat', 'a', 'b'],
      extensions: [],
    });
  });

  test.each(['a b', 'a, a', 'ä', ['a', 'a']])(
    'RFC 6455 11.3.4: invalid or repeated subprotocols are refused with 400 (%j)',
    (protocol) => {
      expect(statusOf({ 'sec-websocket-protocol': protocol })).toBe(400);
    },
  );
});

describe('RFC 6455 4.2.2: the answer of the server', () => {
  test('RFC 6455 1.3: the accept value of the example', () => {
    expect(acceptValue(KEY)).toBe(ACCEPT);
  });

  test('RFC 6455 4.2.2: the answer without a subprotocol', () => {
    expect(buildUpgradeResponse(KEY, '', '')).toBe(
      'HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n' +
        `Sec-WebSocket-Accept: ${ACCEPT}\r\n\r\n`,
    );
  });

  test('RFC 6455 4.2.2: the answer with a subprotocol', () => {
    expect(buildUpgradeResponse(KEY, 'chat', '').split('\r\n').slice(3)).toEqual([
      `Sec-WebSocket-Accept: ${ACCEPT}`,
      'Sec-WebSocket-Protocol: chat',
      '',
      '',
    ]);
  });

  test('RFC 6455 4.2.2: the answer with an extension', () => {
    const answer = buildUpgradeResponse(KEY, '', 'permessage-deflate; client_max_window_bits=10');
    expect(answer.split('\r\n').slice(3)).toEqual([
      `Sec-WebSocket-Accept: ${ACCEPT}`,
      'Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits=10',
      '',
      '',
    ]);
  });

  test.each([
    [[], [], ''],
    [['chat'], [], ''],
    [[], ['chat'], ''],
    [['a', 'b'], ['b', 'a'], 'a'],
    [['a', 'b'], ['c', 'b'], 'b'],
    [['a'], ['b'], undefined],
    [['chat'], ['Chat'], undefined],
  ])('RFC 6455 4.2.2: a server with %j chooses from the offer %j: %j', (supported, offered, expected) => {
    expect(chooseProtocol(supported, offered)).toBe(expected);
  });
});

describe('RFC 9110 5.2: headers that occur more than once', () => {
  test('single() returns the only value, joined() returns all values', () => {
    expect([single('a'), single(['a']), single(['a', 'b']), single(undefined)]).toEqual([
      'a',
      undefined,
      undefined,
      undefined,
    ]);
    expect([joined('a'), joined(['a']), joined(['a', 'b']), joined(undefined)]).toEqual(['a', 'a', 'a,b', undefined]);
  });
});
