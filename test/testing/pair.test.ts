import { describe, expect, expectTypeOf, onTestFinished, test, vi } from 'vitest';
import {
  accept,
  FourDError,
  type MessageEvent,
  refuse,
  type RequestInfo,
  WebSocket,
  WebSocketConnection,
  WebSocketServer,
} from '../../src/index.ts';
import { createPair, type PairOptions, serveInMemory } from '../../src/testing.ts';
import { useFakeClock } from '../helpers/fake-clock.ts';

const echo = { onMessage: (ws: WebSocketConnection, event: { data: string }) => void ws.send(event.data) };
const echoWithName = {
  onMessage: (ws: WebSocketConnection<string, { name: string }>, { data }: MessageEvent) => void ws.send(data),
};
const echoServer = { onConnection: () => echo };

async function pairOf(options?: PairOptions<'text'>) {
  const pair = await createPair(echoServer, undefined, options);
  onTestFinished(() => pair.end());
  return pair;
}

function failing(): never {
  throw new Error('no database');
}

/** Returns the request that a server in memory gets. */
async function requestOf(options: PairOptions<'text'>, headers = {}): Promise<RequestInfo> {
  const pair = await createPair(echoServer, { headers }, options);
  onTestFinished(() => pair.end());
  return pair.connection.ws.request;
}

describe('a pair', () => {
  test('is made of the classes of the library, and both ends see what the other sends', async () => {
    const { client, connection, wss } = await pairOf();
    expect([client.ws, connection.ws, wss]).toEqual([
      expect.any(WebSocket),
      expect.any(WebSocketConnection),
      expect.any(WebSocketServer),
    ]);
    expect(client.send('hello')).toBe('sent');
    expect(await connection.nextMessage()).toBe('hello');
    expect(await client.nextMessage()).toBe('hello');
    expect(connection.ws.handler).toBe(echo);
    expect(wss.connections).toEqual([connection.ws]);
  });

  test('runs the callbacks of both handlers, with the events that it records', async () => {
    const calls: string[] = [];
    const log = (name: string) => () => void calls.push(name);
    const pair = await createPair(
      { onConnection: () => ({ onOpen: log('server open'), onMessage: log('server message') }) },
      { onOpen: log('client open'), onTerminate: log('client end') },
    );
    pair.client.send('x');
    await pair.connection.nextMessage();
    await pair.client.close();
    expect(calls).toEqual(['server open', 'client open', 'server message', 'client end']);
    expect(pair.client.events.map(({ type }) => type)).toEqual(['open', 'terminate']);
    await pair.end();
  });

  test('closes with the code and reason of either side', async () => {
    const one = await pairOf();
    expect(await one.client.close(3001, 'bye')).toMatchObject({ code: 3001, wasClean: true });
    expect(await one.connection.ended()).toMatchObject({ code: 3001, reason: 'bye', cause: 'peer-closed' });
    const other = await pairOf();
    await other.connection.close(4000, 'full');
    expect(await other.client.ended()).toMatchObject({ code: 4000, reason: 'full', wasClean: true });
  });

  test('is refused as over TCP: by onConnection, by path, by origin', async () => {
    const refusing = { onConnection: () => refuse(401, 'sign in') };
    await expect(createPair(refusing)).rejects.toMatchObject({ code: 'ERR_HANDSHAKE_REFUSED', httpStatus: 401 });
    const wrongPath = { server: { path: '/chat' }, url: 'ws://a.test/other' };
    await expect(createPair(echoServer, null, wrongPath)).rejects.toMatchObject({ httpStatus: 404 });
    const page = { headers: { origin: 'https://evil.example' } };
    await expect(createPair(echoServer, page)).rejects.toMatchObject({ httpStatus: 403 });
  });

  test('gives the server host, path, parameters, headers and address', async () => {
    const url = 'wss://chat.example/rooms/7?x=1';
    const options = { url, server: { path: '/rooms/:room' }, remoteAddress: '192.0.2.7' };
    const request = await requestOf(options, { cookie: 'a=b', origin: 'https://chat.example' });
    expect(request).toMatchObject({ params: { room: '7' }, remoteAddress: '192.0.2.7', url: '/rooms/7?x=1' });
    expect(request.headers).toMatchObject({ host: 'chat.example', cookie: 'a=b' });
    expect((await requestOf({ server: { path: '/chat' } })).url).toBe('/chat');
  });

  test('agrees on a subprotocol, headers, data and compression', async () => {
    const data = { name: 'Ann' };
    const handler = { onConnection: () => accept(echoWithName, { headers: { 'x-id': '7' }, data }) };
    const pair = await createPair(handler, null, {
      server: { protocols: ['chat'], compression: true },
      client: { protocols: ['chat'], compression: true },
    });
    expectTypeOf(pair.connection.ws.data).toEqualTypeOf<{ name: string }>();
    expect(pair.connection.ws.data).toEqual({ name: 'Ann' });
    expect(pair.client.ws.protocol).toBe('chat');
    expect(pair.client.ws.responseHeaders).toMatchObject({ 'x-id': '7', 'sec-websocket-extensions': /deflate/ });
    const long = 'long '.repeat(10_000);
    pair.client.send(long);
    expect(await pair.client.nextMessage()).toBe(long);
    expect((await pair.client.close()).bytesSent).toBeLessThan(1000);
    await pair.end();
  });

  test('has the types of the data types and handlers', async () => {
    const pair = await createPair(
      { onConnection: () => ({ onMessage: (ws, event) => void ws.send(expectBytes(event.data)) }) },
      { dataType: 'object', onMessage: (_, event) => expectTypeOf(event.data).toEqualTypeOf<unknown>() },
      { server: { dataType: 'blob' } },
    );
    expectTypeOf(pair.connection.messages).toEqualTypeOf<readonly Uint8Array[]>();
    expectTypeOf(pair.client.messages).toEqualTypeOf<readonly unknown[]>();
    pair.client.send({ a: 1 });
    expect(await pair.client.nextMessage()).toEqual({ a: 1 });
    expect(pair.connection.messages).toEqual([Buffer.from('{"a":1}')]);
    const own = await createPair(
      { onConnection: () => ({ onMessage: (_ws: unknown, _event: MessageEvent<{ n: number }>) => {} }) },
      null,
      { server: { dataType: 'object' } },
    );
    expectTypeOf(own.connection.messages).toEqualTypeOf<readonly { n: number }[]>();
    await Promise.all([pair.end(), own.end()]);
  });

  test('broadcasts to several clients, each with a connection of its own', async () => {
    const server = serveInMemory(echoServer);
    const [ann, bob] = [await server.connect(), await server.connect()];
    expect(server.connections.map(({ ws }) => ws)).toEqual([ann.connection.ws, bob.connection.ws]);
    server.wss.broadcast('all', { except: ann.connection.ws });
    bob.send('me');
    expect([await bob.nextMessage(), await bob.nextMessage()]).toEqual(['all', 'me']);
    expect(ann.messages).toEqual([]);
    await server.end();
    expect(server.wss.terminated).toBe(true);
  });

  test('takes clients that the program creates itself', async () => {
    const server = serveInMemory(echoServer);
    const ws = await WebSocket.connect(server.url);
    expect(server.connections).toHaveLength(1);
    server.line.cut();
    expect((await server.connections[0]!.ended()).code).toBe(1006);
    await server.end();
    await expect(WebSocket.connect(server.url)).rejects.toMatchObject({ code: 'ERR_CONNECT_FAILED' });
    expect(ws.status).toBe('Closed');
  });

  test('ends at once, also when a callback never does, and frees its name', async () => {
    const url = 'ws://same.example';
    const pair = await createPair({ onConnection: () => ({ onMessage: () => new Promise(() => {}) }) }, null, {
      url,
      server: { path: '/' },
    });
    pair.client.send('x');
    await pair.connection.nextMessage();
    await pair.end();
    expect(pair.wss.terminated).toBe(true);
    await (await createPair(echoServer, null, { url })).end();
  });
});

describe('lines', () => {
  test('of a pair: clients that the program creates are on none of its own', async () => {
    const { client, connection, line, url, wss } = await pairOf();
    const other = await WebSocket.connect(url);
    expect(client.connection.ws).toBe(connection.ws);
    expect(line).toBe(client.line);
    expect(line.attempts).toBe(1);
    line.down();
    expect(await client.ended()).toMatchObject({ cause: 'peer-reset' });
    await connection.ended();
    expect(wss.connections).toHaveLength(1);
    expect(other.status).toBe('Connected');
    await WebSocket.connect(url);
  });

  test('of a server in memory: its faults hold for all clients that the program creates, and for no others', async () => {
    await using server = serveInMemory(echoServer);
    const own = await server.connect();
    const clients = [await WebSocket.connect(server.url), await WebSocket.connect(server.url)];
    expect(server.line.attempts).toBe(2);
    server.line.cut();
    for (const { ended } of server.connections.slice(1).map((each) => ({ ended: each.ended() }))) {
      expect(await ended).toMatchObject({ code: 1006 });
    }
    expect([own.ws.status, ...clients.map(({ status }) => status)]).toEqual(['Connected', 'Closed', 'Closed']);
  });

  test('lead to one server: a client that a handler creates has the line of that server', async () => {
    const [one, two] = [serveInMemory(echoServer), serveInMemory(echoServer)];
    onTestFinished(async () => void (await Promise.all([one.end(), two.end()])));
    const created: Promise<unknown>[] = [];
    const client = await one.connect({ onOpen: () => void created.push(WebSocket.connect(two.url)) });
    await Promise.all(created);
    expect([client.line.attempts, two.line.attempts]).toEqual([1, 1]);
  });
});

describe('waiting', () => {
  test('tells what has failed at the other end, and why a server that fails says 500', async () => {
    await using pair = await createPair({ onConnection: () => ({ onMessage: failing, onError: () => {} }) });
    pair.client.send('x');
    await expect(pair.client.nextMessage()).rejects.toThrow(
      'the other end has failed with ERR_CALLBACK_FAILED (onMessage failed: no database)',
    );
    await expect(createPair({ onConnection: failing, onError: () => {} })).rejects.toMatchObject({
      httpStatus: 500,
      cause: { message: 'onConnection failed: no database' },
    });
  });

  test('ends when onConnection does not decide', async () => {
    const undecided = { onConnection: () => new Promise<null>(() => {}) };
    await expect(createPair(undecided, null, { waitMs: 30 })).rejects.toThrow(
      'has not answered the client within 30 ms',
    );
  });

  test('says that the time of the library stands still, or is another one than that of fake timers', async () => {
    const { client } = await pairOf({ waitMs: 30 });
    vi.useFakeTimers();
    onTestFinished(() => void vi.useRealTimers());
    await expect(client.nextMessage()).rejects.toThrow('fake timers of the test framework do not move the library');
    useFakeClock();
    await expect(client.nextMessage()).rejects.toThrow('the clock of createClock() stood still unless advance()');
  });

  test('says what did arrive when a message does not come in time', async () => {
    const { client } = await pairOf({ waitMs: 30 });
    client.send('one');
    await client.nextMessage();
    await expect(client.nextMessage()).rejects.toThrow('the client did not get message 2 within 30 ms; it got "one"');
    await expect(client.nextEvent('error')).rejects.toThrow('event 1 of the type "error" within 30 ms');
    // What comes late is not lost.
    client.send('two');
    expect(await client.nextMessage()).toBe('two');
  });

  test('goes on with a client that has come back from its end', async () => {
    const { client } = await pairOf({ client: { reconnect: true } });
    expect(await client.close()).toMatchObject({ code: 1000 });
    client.ws.reconnect();
    await client.nextEvent('reconnect');
    expect(client.ending).toBe(undefined);
    client.send('again');
    expect(await client.nextMessage()).toBe('again');
  });

  test('does not wait for messages behind the end', async () => {
    const { client, connection } = await pairOf();
    const wait = expect(client.nextMessage()).rejects.toThrow(
      'did not get message 1: the connection has ended; it got no message, then its end with 4001 "no" (peer-closed)',
    );
    void connection.close(4001, 'no');
    await wait;
    await expect(client.nextMessage()).rejects.toThrow('message 1: the connection has ended');
  });

  test('gives each message and event to one caller', async () => {
    const { client } = await pairOf();
    const both = Promise.all([client.nextMessage(), client.nextMessage()]);
    client.send('a');
    client.send('b');
    expect(await both).toEqual(['a', 'b']);
    expect(await client.nextEvent('open')).toMatchObject({ type: 'open' });
    expect(await client.nextEvent('message')).toMatchObject({ data: 'a' });
  });
});

const wrong = (options: object) => () => createPair(echoServer, null, options);

describe('a wrong argument is told in a sentence', () => {
  test.each<[string, () => Promise<unknown>, string]>([
    ['a handler', () => createPair(null as never), 'invalid server handler'],
    ['an option', wrong({ servr: {} }), 'there is no option "servr": did you mean "server"?'],
    ['options of no server', wrong({ server: { pth: '/' } }), 'did you mean "path"?'],
    ['webServer', wrong({ server: { webServer: null } }), 'use WebSocketServer.serve()'],
    ['a network', wrong({ client: { proxy: 'http://p' } }), 'proxy needs a network'],
    ['a path', wrong({ client: { path: 'x' } }), "begins with a slash: '/chat?name=Ann'"],
    ['a socket path', wrong({ url: 'ws+unix:/tmp/x' }), 'write ws://name.test/path'],
    ['a URL', wrong({ url: 7 }), 'url must be a string, received a number'],
    ['an address', wrong({ remoteAddress: 7 }), 'remoteAddress must be a string'],
    ['a time', wrong({ waitMs: -1 }), 'waitMs: it takes a whole number, 1 or more'],
    ['a clock', wrong({ clock: {} }), 'it takes what createClock() has returned'],
    [
      'a client handler',
      () => createPair(echoServer, [] as never),
      'is an object with callbacks, or null; received an array',
    ],
  ])('%s', async (_, call, sentence) => {
    await expect(call()).rejects.toThrow(FourDError);
    await expect(call()).rejects.toThrow(sentence);
  });

  test('a name that another server has, a server that has ended, a client that is not let in', async () => {
    const server = serveInMemory(echoServer, { url: 'ws://taken.test' });
    expect(() => serveInMemory(echoServer, { url: 'ws://taken.test/other' })).toThrow('another server in memory');
    const ended = server.end();
    expect(server.end()).toBe(ended);
    await ended;
    await expect(server.connect()).rejects.toThrow('has ended: create another one');
    const page = serveInMemory({ onConnection: () => refuse(401, { closeCode: 4401 }) });
    const client = await page.connect({ headers: { origin: page.url } });
    expect(() => client.connection).toThrow('has not let this client in');
    expect(await client.ended()).toMatchObject({ code: 4401 });
    await page.end();
  });
});

function expectBytes(data: Uint8Array): Uint8Array {
  expectTypeOf(data).toEqualTypeOf<Uint8Array>();
  return data;
}
