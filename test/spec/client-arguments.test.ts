import { describe, expect, test } from 'vitest';
import {
  accept,
  type FourDError,
  WebServer,
  WebSocket,
  type WebSocketOptions,
  WebSocketServer,
} from '../../src/index.ts';
import { recordingServerHandler } from '../../src/testing.ts';
import { recordErrors } from '../helpers/error-handlers.ts';
import { startLibraryServer } from '../helpers/library-server.ts';
import { RawClient } from '../helpers/raw-client.ts';
import { startHttpProxy } from '../helpers/proxies.ts';
import { startPeerServer } from '../helpers/peer.ts';
import { startAnsweringServer } from '../helpers/answering-server.ts';

/** Returns the error of a client that cannot be made. */
async function errorOf(url: unknown, handler: unknown = {}, options: WebSocketOptions = {}): Promise<FourDError> {
  return WebSocket.new(url as string, handler as object, options).then(
    () => expect.unreachable('the client has connected'),
    (error: FourDError) => error,
  );
}

describe('a URL object', () => {
  test('4D-201 is taken as url, as it is at the call', async () => {
    const server = await startPeerServer();
    const url = new URL(`${server.url}/chat?room=1`);
    const text = url.href;
    const attempts = [new WebSocket(url).ready, WebSocket.new(url)];
    url.hostname = 'changed.invalid';
    for (const ws of await Promise.all(attempts)) expect(ws!.url).toBe(text);
    const peers = [await server.accept(), await server.accept()];
    for (const { request } of peers) expect(request.url).toBe('/chat?room=1');
  });

  test('4D-201 of another realm is one too, and an object whose href cannot be read is none', async () => {
    const { url } = await startPeerServer();
    const ws = await WebSocket.new({ href: url } as URL);
    expect(ws!.url).toBe(url);
    const unreadable = {
      get href(): string {
        throw new Error('no');
      },
    };
    for (const value of [unreadable, { href: 5 }, {}, null, 5]) {
      expect((await errorOf(value)).message).toMatch(/^invalid URL: it must be a string or a URL object, received/);
    }
  });

  test('4D-201 is taken from reconnect.url, and as proxy', async () => {
    const server = await startPeerServer();
    const refusing = await startAnsweringServer((socket) => socket.end('HTTP/1.1 503 Later\r\n\r\n'));
    const reconnect = { minDelayMs: 1, maxDelayMs: 1, url: () => new URL(server.url) };
    expect(await WebSocket.new(`ws://127.0.0.1:${refusing}`, {}, { reconnect })).not.toBeNull();
    const proxy = await startHttpProxy();
    expect(await WebSocket.new(server.url, {}, { proxy: new URL(`http://127.0.0.1:${proxy.port}`) })).not.toBeNull();
    expect(proxy.requests).toHaveLength(1);
  });
});

describe('the error of a URL that cannot be used', () => {
  test.each<[url: string, name: string, advice: string]>([
    ['http://u:secret@h:80/p?secret', 'http://h/p', 'write ws:// instead of http://'],
    ['https://u:secret@h/p?secret', 'https://h/p', 'write wss:// instead of https://'],
    ['ftp://u:secret@h/p?secret', 'ftp://h/p', 'it must begin with ws://, wss:// or ws+unix:'],
    ['unix:/run/app.sock', 'unix:/run/app.sock', 'write ws+unix:/socket/path:/path instead'],
    ['ws://u:secret@h/p?secret#secret', 'ws://h/p', 'leave out what begins with #'],
    ['/chat?secret', '/chat', 'it is relative: write it in full, ws://host[:port]/chat'],
    ['../chat#secret', '../chat', 'it is relative: write it in full, ws://host[:port]/chat'],
    ['//u:secret@h/chat', '//h/chat', 'it has no scheme: write ws://h/chat'],
    ['localhost:8080/chat?secret', 'localhost:8080/chat', 'it has no scheme: write ws://localhost:8080/chat'],
    ['127.0.0.1:8080', '127.0.0.1:8080', 'it has no scheme: write ws://127.0.0.1:8080'],
    ['u:secret@h/chat', 'h/chat', 'it has no scheme: write ws://h/chat'],
    ['ws//h', 'ws//h', 'it has no scheme: write ws://host[:port]/path'],
    ['ws://u:sec/ret@h/p', 'ws://h/p', 'write user and password with encodeURIComponent() each'],
    ['ws://u:sec?ret@h/p', 'ws://…', 'write user and password with encodeURIComponent() each'],
    // A number in front of the sign looks like a port, so that the rest is no password for a parser.
    ['http://u:1/secret@h/p', 'http://…', 'write ws:// instead of http://'],
    ['http://u:1#secret@h/p', 'http://…', 'write ws:// instead of http://'],
    ['ws://u:secret%@h', 'ws://h/', 'write % as %25'],
    ['ws://h:undefined/?secret', 'ws://h:undefined/', 'is a variable that it was put together from not set?'],
    ['ws://h:99999/?secret', 'ws://h:99999/', 'a port is a number from 0 to 65535'],
    ['ws://:80/', 'ws://:80/', 'it has no host: write ws://host[:port]/path'],
    ['ws+unix:app.sock?secret', 'ws+unix:app.sock', 'needs an absolute path: write ws+unix:/socket/path'],
    ['hello\u001B[31m\n\u202E', 'hello [31m', 'it has no scheme'],
    [`/${'x'.repeat(300)}`, `/${'x'.repeat(198)}…`, 'it is relative'],
  ])('4D-201 names %j as %j, and says what to write', async (url, name, advice) => {
    const { code, message } = await errorOf(url);
    expect(code).toBe('ERR_INVALID_URL');
    expect(message).toContain(`invalid URL "${name}": `);
    expect(message).toContain(advice);
    expect(message).not.toMatch(/secret|sec\/|ret@|[\p{Cc}\p{Cf}]/u);
  });

  test.each(['', ' \n'])('4D-201 says that %j is empty', async (url) => {
    expect((await errorOf(url)).message).toBe('invalid URL: it is empty: write ws://host[:port]/path');
  });

  test('4D-201 names a proxy in the same way', async () => {
    const { code, message } = await errorOf('ws://h', {}, { proxy: 'ftp://u:secret@p:21/x?secret' });
    expect(code).toBe('ERR_INVALID_OPTION');
    expect(message).toMatch(/proxy must be a URL of the form .*; received "ftp:\/\/p\/x"$/);
  });
});

class Handler {
  onMessage(): void {}
}

/** What users pass in the place of a handler, and what the error says of it. */
const noHandlers: readonly [what: string, value: unknown, problem: string][] = [
  ['an array', ['chat'], 'it is an array: options'],
  ['an empty array', [], 'it is an array: options'],
  ['a text', 'chat', 'it is a text: options'],
  ['a class', Handler, 'it is a function: pass an object with this callback, or an instance of this class'],
  ['a symbol', Symbol('handler'), 'it is a symbol'],
];

/** Returns the message of a server that cannot be made. */
function serverError(handler: object): string {
  const errors = recordErrors();
  WebSocketServer.new(handler as never, { webServer: null });
  return errors[0]![0]!.message;
}

describe('what is no handler', () => {
  test.each([
    ...noHandlers,
    ['options', { dataType: 'text', protocols: ['chat'] }, 'it holds options (protocols): '] as const,
    ['options of ws', { headers: {}, maxPayload: 5 }, 'it holds options (maxPayload): '] as const,
  ])('4D-202 of a client is an error that says where options go: %s', async (_what, handler, problem) => {
    const { code, message } = await errorOf('ws://127.0.0.1:1', handler);
    expect(code).toBe('ERR_INVALID_HANDLER');
    expect(message).toContain(`invalid handler: it must be an object with callbacks; ${problem}`);
    if (problem.includes('option')) expect(message).toMatch(/: \(url, \{\}, \{ protocols: \['chat'\] \}\)/);
    // Nobody hears of it otherwise.
    const errors = recordErrors();
    expect(await new WebSocket('ws://127.0.0.1:1', handler as object).ready).toBeNull();
    expect(errors).toEqual([[expect.objectContaining({ message })]]);
  });

  test('4D-202 a handler without the callback that must be there is told what it has instead', async () => {
    expect(serverError({ onConnect() {} })).toMatch(/onConnection; it has onConnect \(use onConnection\)$/);
    expect(serverError({ onMessage() {} })).toMatch(
      /; it has onMessage \(use onMessage of the object that onConnection returns\)$/,
    );
    expect(serverError({ port: 8080 })).toMatch(
      /; for port, use WebSocketServer\.serve\(handler, \{ port \}\), or webServer$/,
    );
    const handler = recordingServerHandler({ onConnection: () => ({ onMesage() {}, close() {} }) });
    const { web } = await startLibraryServer(handler);
    await (
      await RawClient.request(web.HTTPPort, {})
    ).answered;
    expect(handler.errors[0]!.errors[0]!.message).toMatch(
      /, or null; it has onMesage \(use onMessage\), close \(use onTerminate\)$/,
    );
  });

  test('4D-202 null is as if left out, and members of a handler may be named like options', async () => {
    const server = await startPeerServer();
    expect((await WebSocket.new(server.url, null))!.handler).toEqual({});
    expect(await new WebSocket(server.url, null).ready).not.toBeNull();
    expect(await WebSocket.connect(server.url, { headers: { 'x-a': 'b' }, dataType: 'text' })).not.toBeNull();
    class Counter {
      readonly reconnect = 5;
      onOpen(): void {}
    }
    expect(await WebSocket.new(server.url, new Counter())).not.toBeNull();
  });

  test.each([
    ...noHandlers,
    ['options', { path: '/chat' }, 'it holds options (path): options are the second parameter: (handler'] as const,
    ['options of serve', { port: 8080 }, 'it holds options (port): '] as const,
    ['null', null, 'it is null'] as const,
  ])('4D-202 of a server is an error that says where options go: %s', (_what, handler, problem) => {
    const errors = recordErrors();
    expect(WebSocketServer.new(handler as never, { webServer: new WebServer() })).toBeNull();
    const message = `invalid server handler: it must be an object with a method onConnection; ${problem}`;
    expect(errors).toEqual([
      [expect.objectContaining({ errCode: -20_005, message: expect.stringContaining(message) as string })],
    ]);
  });

  test.each([
    ...noHandlers,
    ['options', { protocol: 'chat' }, 'it holds options (protocol): options go into accept('] as const,
  ])('4D-202 of a connection is an error that says where options go: %s', async (_what, value, problem) => {
    const handler = recordingServerHandler({
      onConnection: (_wss, { request }) => (request.url === '/accept' ? accept(value as never) : value),
    });
    const { web } = await startLibraryServer(handler);
    for (const path of ['/', '/accept']) {
      const client = await RawClient.request(web.HTTPPort, { path });
      expect((await client.answered).status).toBe(500);
    }
    const message = `invalid connection handler: onConnection must return an object with a method onMessage, or null; ${problem}`;
    expect(handler.errors.map(({ errors }) => errors[0]!.message)).toEqual([
      expect.stringContaining(message),
      expect.stringContaining(message),
    ]);
  });
});
