import { describe, expect, test } from 'vitest';
import { WebSocket } from '../../../src/index.ts';
import { recordingHandler } from '../../../src/testing.ts';
import type { RequestOptions } from '../../helpers/handshake-request.ts';
import { startServerOf } from '../../helpers/library-server.ts';
import { RawClient } from '../../helpers/raw-client.ts';
import { type RawConnection, startRawServer } from '../../helpers/raw-server.ts';

/** Replaces a header of the default request. */
function instead(name: string, ...lines: readonly string[]): RequestOptions {
  return { without: [name], headers: lines };
}

/** Requests with the HTTP status of the answer. */
const REQUESTS: readonly (readonly [title: string, request: RequestOptions, status: number])[] = [
  ['only the required headers', {}, 101],
  ['tokens in other cases', instead('Upgrade', 'UPGRADE: WebSocket'), 101],
  ['Upgrade among other tokens', instead('Connection', 'Connection: keep-alive, Upgrade'), 101],
  ['websocket among other tokens', instead('Upgrade', 'Upgrade: h2c, websocket'), 101],
  ['unrelated headers', { headers: ['X-Anything: goes', 'Cookie: a=b'] }, 101],
  ['an unknown extension', { headers: ['Sec-WebSocket-Extensions: x-unknown; a="b"'] }, 101],
  ['no version', instead('Sec-WebSocket-Version'), 426],
  ['version 8', instead('Sec-WebSocket-Version', 'Sec-WebSocket-Version: 8'), 426],
  ['two versions', { headers: ['Sec-WebSocket-Version: 13'] }, 426],
  ['no key', instead('Sec-WebSocket-Key'), 400],
  ['a key of 15 bytes', instead('Sec-WebSocket-Key', 'Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAA'), 400],
  ['a key that is not base64', instead('Sec-WebSocket-Key', 'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZ!=='), 400],
  ['two keys', { headers: ['Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=='] }, 400],
  ['extensions that cannot be read', { headers: ['Sec-WebSocket-Extensions: a;=b'] }, 400],
  ['subprotocols that cannot be read', { headers: ['Sec-WebSocket-Protocol: a b'] }, 400],
];

type Answer = (connection: RawConnection) => string;

/** Returns the correct answer with one change. */
function changed(from: RegExp | string, to: string): Answer {
  return (connection) => connection.answer().replace(from, to);
}

/** Answers with the code of the error, undefined when the connection opens. */
const ANSWERS: readonly (readonly [title: string, answer: Answer, code: string | undefined])[] = [
  ['only the required headers', (connection) => connection.answer(), undefined],
  ['tokens in other cases', changed('Upgrade: websocket', 'UPGRADE: WebSocket'), undefined],
  ['another reason phrase', changed('Switching Protocols', 'Fine'), undefined],
  ['a wrong accept value', changed(/Accept: .*/, 'Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo='), 'ERR_HANDSHAKE_INVALID'],
  ['no accept value', changed(/Sec-WebSocket-Accept: .*\r\n/, ''), 'ERR_HANDSHAKE_INVALID'],
  ['another protocol', changed('Upgrade: websocket', 'Upgrade: h2c'), 'ERR_HANDSHAKE_INVALID'],
  ['no Upgrade', changed('Upgrade: websocket\r\n', ''), 'ERR_HANDSHAKE_INVALID'],
  ['no Connection', changed('Connection: Upgrade\r\n', ''), 'ERR_HANDSHAKE_INVALID'],
  [
    'a subprotocol that was not offered',
    (connection) => connection.answer(['Sec-WebSocket-Protocol: chat']),
    'ERR_HANDSHAKE_INVALID',
  ],
  [
    'an extension that was not offered',
    (connection) => connection.answer(['Sec-WebSocket-Extensions: permessage-deflate']),
    'ERR_HANDSHAKE_INVALID',
  ],
  ['text that is not HTTP', () => 'hello\r\n\r\n', 'ERR_HANDSHAKE_INVALID'],
  ['status 403', () => 'HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n', 'ERR_HANDSHAKE_REFUSED'],
  ['status 200', () => 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi', 'ERR_HANDSHAKE_REFUSED'],
];

describe('RFC 6455 4: opening handshakes', () => {
  test.each(REQUESTS)('RFC 6455 4.2.1: a request with %s gets the right status', async (_title, request, status) => {
    const { web } = await startServerOf({ onMessage: () => {} });
    const client = await RawClient.request(web.HTTPPort, request);
    expect(await client.answered).toMatchObject({ status });
  });

  test.each(ANSWERS)('RFC 6455 4.1: an answer with %s opens or fails the client', async (_title, answer, code) => {
    const server = await startRawServer();
    const handler = recordingHandler();
    const client = new WebSocket<never>(server.url, handler);
    const connection = await server.accept();
    connection.socket.write(answer(connection), 'latin1');
    expect((await client.ready) === null).toBe(code !== undefined);
    expect(handler.errors.map(({ error }) => error.code)).toEqual(code === undefined ? [] : [code]);
  });
});
