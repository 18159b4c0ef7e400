import { describe, expect, test } from 'vitest';
import { type FourDError, WebSocket, type WebSocketOptions } from '../../src/index.ts';
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
