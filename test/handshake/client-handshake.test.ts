import { describe, expect, test } from 'vitest';
import { buildHandshakeHeaders, checkUpgradeResponse, newHandshakeKey } from '../../src/handshake/client-handshake.ts';
import { checkUpgradeRequest, type HandshakeHeaders } from '../../src/handshake/server-handshake.ts';
import { NO_LIMITS } from '../helpers/deflate.ts';

/** The example of RFC 6455 section 1.3. */
const KEY = 'dGhlIHNhbXBsZSBub25jZQ==';
const HEADERS: HandshakeHeaders = {
  upgrade: 'websocket',
  connection: 'Upgrade',
  'sec-websocket-accept': 's3pPLMBiTxaQ9kYGzzhZRbK+xOo=',
};

function check(headers: HandshakeHeaders, offered: readonly string[] = []): string {
  const result = checkUpgradeResponse({ ...HEADERS, ...headers }, KEY, { protocols: offered, deflate: undefined });
  return 'violation' in result ? `violation: ${result.violation}` : `protocol ${JSON.stringify(result.protocol)}`;
}

describe('RFC 6455 4.1: the request of the client', () => {
  test('RFC 6455 4.1: a key is the base64 of 16 bytes, and new each time', () => {
    const keys = Array.from({ length: 1000 }, newHandshakeKey);
    expect(new Set(keys).size).toBe(1000);
    expect(keys.filter((key) => Buffer.from(key, 'base64').toString('base64') !== key || key.length !== 24)).toEqual(
      [],
    );
  });

  test('RFC 6455 4.1: the headers without subprotocols', () => {
    expect(buildHandshakeHeaders(KEY, { protocols: [], deflate: undefined })).toEqual({
      Upgrade: 'websocket',
      Connection: 'Upgrade',
      'Sec-WebSocket-Key': KEY,
      'Sec-WebSocket-Version': '13',
    });
  });

  test('RFC 6455 4.1: subprotocols are listed in order of preference', () => {
    const headers = buildHandshakeHeaders(KEY, { protocols: ['chat', 'superchat'], deflate: undefined });
    expect(headers['Sec-WebSocket-Protocol']).toBe('chat, superchat');
  });

  test('RFC 7692 7.1: compression is offered, and the answer of the server is checked', () => {
    const offer = { protocols: [], deflate: NO_LIMITS };
    expect(buildHandshakeHeaders(KEY, offer)['Sec-WebSocket-Extensions']).toBe(
      'permessage-deflate; client_max_window_bits, permessage-deflate',
    );
    const answer = { ...HEADERS, 'sec-websocket-extensions': 'permessage-deflate; client_max_window_bits=10' };
    expect(checkUpgradeResponse(answer, KEY, offer)).toEqual({
      protocol: '',
      deflate: { ...NO_LIMITS, clientMaxWindowBits: 10 },
    });
    for (const [extensions, violation] of [
      ['permessage-deflate; client_max_window_bits=16', 'has an invalid parameter of permessage-deflate'],
      ['permessage-deflate; =', 'is malformed or too long'],
    ]) {
      expect(checkUpgradeResponse({ ...HEADERS, 'sec-websocket-extensions': extensions }, KEY, offer)).toEqual({
        violation: `Sec-WebSocket-Extensions ${violation}`,
      });
    }
  });

  test('RFC 6455 4.2.1: the server accepts the request of the client', () => {
    const key = newHandshakeKey();
    const entries = Object.entries(buildHandshakeHeaders(key, { protocols: ['a', 'b'], deflate: undefined }));
    const headers = Object.fromEntries(entries.map(([name, value]) => [name.toLowerCase(), value]));
    const request = { method: 'GET', httpVersion: '1.1', headers: { host: 'localhost', ...headers } };
    expect(checkUpgradeRequest(request)).toEqual({ isValid: true, key, protocols: ['a', 'b'], extensions: [] });
  });
});

describe('RFC 6455 4.1: what the client demands of the answer', () => {
  test('RFC 6455 1.3: the example is accepted', () => {
    expect(check({})).toBe('protocol ""');
  });

  test.each(['websocket', 'WebSocket', 'WEBSOCKET'])('RFC 6455 4.1: Upgrade: %s passes', (upgrade) => {
    expect(check({ upgrade })).toBe('protocol ""');
  });

  test.each([undefined, '', 'h2c', 'h2c, websocket', ['websocket', 'websocket']])(
    'RFC 6455 4.1: Upgrade: %s is refused',
    (upgrade) => {
      expect(check({ upgrade })).toBe('violation: Upgrade is not "websocket"');
    },
  );

  test.each(['upgrade', 'UPGRADE', 'keep-alive, Upgrade'])('RFC 6455 4.1: Connection: %s passes', (connection) => {
    expect(check({ connection })).toBe('protocol ""');
  });

  test.each([undefined, '', 'close', ['Upgrade']])('RFC 6455 4.1: Connection: %s is refused', (connection) => {
    expect(check({ connection })).toBe('violation: Connection does not contain "Upgrade"');
  });

  test.each([undefined, '', KEY, 's3pPLMBiTxaQ9kYGzzhZRbK+xOo', 'S3pPLMBiTxaQ9kYGzzhZRbK+xOo='])(
    'RFC 6455 4.1: Sec-WebSocket-Accept: %s is refused',
    (accept) => {
      expect(check({ 'sec-websocket-accept': accept })).toBe(
        'violation: Sec-WebSocket-Accept does not match the Sec-WebSocket-Key that was sent',
      );
    },
  );

  test.each(['permessage-deflate', ['a']])('RFC 6455 4.1: the extensions %j were not offered', (extensions) => {
    expect(check({ 'sec-websocket-extensions': extensions })).toBe(
      'violation: Sec-WebSocket-Extensions names an extension that was not offered',
    );
  });

  test('RFC 6455 4.1: the server may choose one of the subprotocols, or none', () => {
    expect(check({ 'sec-websocket-protocol': 'b' }, ['a', 'b'])).toBe('protocol "b"');
    expect(check({}, ['a', 'b'])).toBe('protocol ""');
  });

  test.each([
    ['c', ['a', 'b']],
    ['A', ['a', 'b']],
    ['a, b', ['a', 'b']],
    ['a', []],
    [['a'], ['a']],
    ['constructor', []],
  ])('RFC 6455 4.1: the subprotocol %j is refused when %j was offered', (protocol, offered) => {
    expect(check({ 'sec-websocket-protocol': protocol }, offered)).toBe(
      'violation: Sec-WebSocket-Protocol names a subprotocol that was not offered',
    );
  });
});
