import { createServer } from 'node:http';
import { inspect } from 'node:util';
import { describe, expect, onTestFinished, test } from 'vitest';
import { type FourDError, WebSocket, type WebSocketOptions } from '../../src/index.ts';
import { startAnsweringServer, switchingProtocols } from '../helpers/answering-server.ts';
import { listen } from '../helpers/transport-pairs.ts';
import { turns } from '../helpers/turns.ts';
import { useFakeClock } from '../helpers/fake-clock.ts';

describe('responseHeaders', () => {
  const expected = {
    upgrade: 'websocket',
    connection: 'Upgrade',
    'sec-websocket-accept': expect.any(String) as string,
  };

  test.each([
    ['in the plain form', { 'X-Served-By': 'a' }, { 'x-served-by': 'a' }],
    // Only node:http reads an answer with a repeated header.
    ['with a repeated header', { 'Set-Cookie': 'a=1\r\nSet-Cookie: b=2' }, { 'set-cookie': ['a=1', 'b=2'] }],
    ['with the name of a prototype', { ['__proto__']: 'x' }, { ['__proto__']: 'x' }],
  ])('4D-203 are those of the 101: %s', async (_what, sent, received) => {
    const port = await startAnsweringServer(
      (socket, { accept }) => void socket.write(switchingProtocols(accept, sent)),
    );
    let seen: unknown;
    const ws = new WebSocket(`ws://127.0.0.1:${port}`, { onOpen: ({ responseHeaders }) => (seen = responseHeaders) });
    expect(ws.responseHeaders).toBeUndefined();
    await ws.ready;
    const { responseHeaders } = ws;
    expect(Object.entries(responseHeaders!)).toEqual(
      expect.arrayContaining(Object.entries({ ...expected, ...received })),
    );
    expect([Object.isFrozen(responseHeaders), Object.getPrototypeOf(responseHeaders)]).toEqual([true, null]);
    expect(ws.responseHeaders).toBe(seen);
    ws.destroy();
  });

  test('4D-203 are those of the newest 101 after a reconnection, and stay when the client has ended', async () => {
    let count = 0;
    const port = await startAnsweringServer((socket, { accept }) => {
      socket.write(switchingProtocols(accept, { 'X-Count': String(++count) }));
      if (count === 1) socket.destroySoon();
    });
    const seen: unknown[] = [];
    const note = (ws: WebSocket): void => void seen.push(ws.responseHeaders!['x-count']);
    await new Promise<void>((resolve) => {
      void new WebSocket(
        `ws://127.0.0.1:${port}`,
        {
          onOpen: note,
          onDisconnect: note,
          onReconnect(ws) {
            note(ws);
            ws.destroy();
          },
          onTerminate(ws) {
            note(ws);
            resolve();
          },
        },
        { reconnect: { minDelayMs: 1, maxDelayMs: 1 } },
      );
    });
    expect(seen).toEqual(['1', '1', '2', '2']);
  });
});

/** Makes a client that cannot connect. Its name must be found in the stack of the error. */
async function theCall(
  url: string,
  options: WebSocketOptions,
  make: 'new' | 'connect' | 'constructor',
): Promise<FourDError> {
  if (make !== 'constructor') {
    const attempt = make === 'new' ? WebSocket.new(url, {}, options) : WebSocket.connect(url, {}, options);
    return (attempt as Promise<unknown>).then(
      () => expect.unreachable('the client has connected'),
      (error: FourDError) => error,
    );
  }
  return new Promise((resolve) => void new WebSocket(url, { onError: (_ws, { error }) => resolve(error) }, options));
}

describe('the stack of a failure of the network', () => {
  const closed = `ws://127.0.0.1:1`;
  const again = { minDelayMs: 1, maxDelayMs: 1, maxAttempts: 2 };

  test.each(['new', 'connect', 'constructor'] as const)('4D-204 leads to the call of WebSocket (%s)', async (make) => {
    const error = await theCall(closed, {}, make);
    expect(error.code).toBe('ERR_CONNECT_FAILED');
    expect(error.stack).toMatch(/^FourDError: cannot connect: .*ECONNREFUSED.*\n {4}at /);
    expect(error.stack).toMatch(/at theCall .*client-answers\.test\.ts/);
    expect(inspect(error)).toContain('at theCall ');
    error.stack = 'mine';
    expect(error.stack).toBe('mine');
  });

  test.each<[what: string, code: string, url: string, options: WebSocketOptions]>([
    ['of an attempt to connect again', 'ERR_CONNECT_FAILED', closed, { reconnect: again }],
    [
      'of all attempts',
      'ERR_CONNECT_TIMEOUT',
      closed,
      { reconnect: { ...again, maxAttempts: Infinity }, connectTimeoutMs: 50 },
    ],
    [
      'of a function of the user',
      'ERR_CONNECT_FAILED',
      closed,
      { reconnect: { ...again, url: () => Promise.reject(new Error('no')) } },
    ],
    ['of a proxy', 'ERR_PROXY_FAILED', closed, { proxy: 'http://127.0.0.1:1' }],
    ['of a SOCKS proxy', 'ERR_PROXY_FAILED', closed, { proxy: 'socks5://127.0.0.1:1' }],
    ['of TLS', 'ERR_CONNECT_FAILED', 'wss://127.0.0.1:1', {}],
    ['of a TLS option', 'ERR_CONNECT_FAILED', 'wss://127.0.0.1:1', { tls: { ciphers: 'none' } }],
    ['of a signal', 'ERR_ABORTED', closed, { signal: AbortSignal.timeout(0), reconnect: { minDelayMs: 1000 } }],
  ])('4D-204 leads to the call of WebSocket: %s', async (_what, code, url, options) => {
    const error = await theCall(url, options, 'new');
    expect([error.code, error.stack]).toEqual([code, expect.stringMatching(/\n {4}at theCall /) as string]);
  });

  test('4D-204 is a header alone where the program wants no stacks', async () => {
    const { stackTraceLimit } = Error;
    Error.stackTraceLimit = 0;
    onTestFinished(() => void (Error.stackTraceLimit = stackTraceLimit));
    const { message, stack } = await theCall(closed, {}, 'new');
    expect(stack).toBe(`FourDError: ${message}`);
  });
});

/** Makes a client that is refused with a body. */
async function refusedWith(headers: Readonly<Record<string, string>>, body: string | Buffer): Promise<FourDError> {
  const port = await listen(createServer((_, response) => response.writeHead(403, headers).end(body)));
  return theCall(`ws://127.0.0.1:${port}`, {}, 'new');
}

describe('the error of a refusal', () => {
  const HINT = ' (the server does not allow this client: check its credentials and its Origin header)';
  const page = '<!DOCTYPE html>\n<html><head><title>No entry</title>';

  test.each<[what: string, type: string, body: string | Buffer, line: string]>([
    ['a text', 'text/plain; charset=utf-8', '\r\n token ábgelaufen \r\nsecond', 'token ábgelaufen'],
    ['no type', '', 'token expired', 'token expired'],
    ['another charset', 'text/plain; charset="ISO-8859-1"', Buffer.from('abgelaufén', 'latin1'), 'abgelaufén'],
    ['JSON', 'application/problem+json', '{\n  "error": "expired"\n}', '{ "error": "expired" }'],
    ['a page', 'text/html', page, 'No entry'],
    ['a page without a type', '', page, 'No entry'],
    ['control characters', 'text/plain', 'a\u001B[31m\u0007b\u202Ec\u2028d', 'a [31m b c d'],
    ['a long line', 'text/plain', 'x'.repeat(5000), `${'x'.repeat(199)}…`],
    ['a character that is cut off', '', `x${'é'.repeat(5000)}`, `x${'é'.repeat(198)}…`],
  ])('4D-204 shows the first line of its body: %s', async (_what, type, body, line) => {
    const { message, httpBody } = await refusedWith(type === '' ? {} : { 'Content-Type': type }, body);
    expect(message).toBe(`handshake refused: HTTP 403 Forbidden: "${line}"${HINT}`);
    expect(Buffer.from(httpBody!)).toEqual(Buffer.from(body));
  });

  test.each<[what: string, headers: Readonly<Record<string, string>>, body: string | Buffer]>([
    ['an empty one', { 'Content-Type': 'text/plain' }, ' \r\n'],
    ['a picture', { 'Content-Type': 'image/png' }, 'secret'],
    ['bytes without a type', {}, Buffer.from('secret\0')],
    ['bytes that are no UTF-8, without a type', {}, Buffer.from('secr\xE9t', 'latin1')],
    ['a compressed one', { 'Content-Type': 'text/plain', 'Content-Encoding': 'gzip' }, 'secret'],
    ['a charset that nobody knows', { 'Content-Type': 'text/plain; charset=x' }, 'secret'],
    ['a repetition of the reason', {}, 'Forbidden'],
    ['the page of nginx', { 'Content-Type': 'text/html' }, '<html>\r\n<head><title>403 Forbidden</title></head>'],
    ['a repetition of the hint', {}, 'the server does not allow this client'],
    // A pattern that looks back at each sign would take seconds.
    ['a page of tags that do not end', { 'Content-Type': 'text/html' }, '<'.repeat(60_000)],
  ])('4D-204 does not show a body: %s', async (what, headers, body) => {
    const { message } = await refusedWith(headers, body);
    const shown = what.startsWith('a page') ? `: "${'<'.repeat(199)}…"` : '';
    expect(message).toBe(`handshake refused: HTTP 403 Forbidden${shown}${HINT}`);
  });

  test('4D-204 does not wait longer than 5 s for a body that does not end', async () => {
    const clock = useFakeClock();
    const port = await startAnsweringServer(
      (socket) => void socket.write('HTTP/1.1 403 No\r\nContent-Length: 9\r\n\r\nwhy'),
    );
    let error: FourDError | undefined;
    void theCall(`ws://127.0.0.1:${port}`, { handshakeTimeoutMs: Infinity }, 'new').then((thrown) => (error = thrown));
    while (clock.pendingTimers === 0) await turns(1);
    await turns();
    await clock.advance(4999);
    expect(error).toBeUndefined();
    await clock.advance(51);
    expect(error!.message).toContain('HTTP 403 No: "why"');
  });
});
