import { describe, expect, test, vi } from 'vitest';
import { FourDError, WebSocket, type WebSocketHandler, type WebSocketOptions } from '../../src/browser.ts';
import { createDeferred as deferred } from '../helpers/deferred.ts';
import { type FakeBrowser, startFakeBrowser } from '../helpers/fake-browser.ts';
import { Recorder } from './recorder.ts';

const URL = 'ws://server.test/path';
const RECONNECT = { minDelayMs: 1000, maxDelayMs: 8000, maxAttempts: 3 };

interface Begun {
  readonly browser: FakeBrowser;
  readonly handler: Recorder;
  readonly ws: WebSocket<unknown>;
}

/** Makes a client whose connection is open. */
function begin(options?: WebSocketOptions, handler = new Recorder()): Begun {
  const browser = startFakeBrowser();
  const ws = new WebSocket(URL, handler, options);
  browser.native.open();
  return { browser, handler, ws };
}

/** Lets promises settle. */
const settle = (): Promise<unknown> => vi.advanceTimersByTimeAsync(0);

describe('one connection', () => {
  test('offers only the subprotocols that the user names, and tells which one was chosen', async () => {
    const browser = startFakeBrowser();
    const plain = new WebSocket(URL);
    expect(browser.native).toMatchObject({ url: URL, protocols: [], binaryType: 'arraybuffer' });
    const chat = new WebSocket(new globalThis.URL(URL), null, { protocols: ['chat', 'other'] });
    expect([chat.status, chat.url, plain.handler, chat.handler]).toEqual(['Connecting', URL, {}, {}]);
    browser.native.open('chat');
    expect(await chat.ready).toBe(chat);
    expect([chat.status, chat.protocol, browser.native.protocols]).toEqual(['Connected', 'chat', ['chat', 'other']]);
    expect(chat.id).toBe(plain.id + 1);
  });

  test('holds messages back while a callback runs, and loses none', async () => {
    const { browser, handler } = begin();
    const held = deferred();
    handler.acts['message'] = () => (handler.seen.length === 2 ? held.promise : undefined);
    browser.native.receive('a');
    browser.native.receive('b');
    browser.native.end(1000);
    await settle();
    expect(handler.names).toEqual(['open', 'message a']);
    held.resolve();
    await settle();
    expect(handler.names).toEqual(['open', 'message a', 'message b', 'terminate']);
    expect(handler.last('terminate')).toMatchObject({
      code: 1000,
      cause: 'peer-closed',
      wasClean: true,
      phase: 'open',
    });
  });

  test('messages that arrive before onOpen is over wait for it', async () => {
    const browser = startFakeBrowser();
    const handler = new Recorder();
    const held = deferred();
    handler.acts['open'] = () => held.promise;
    const ws = new WebSocket(URL, handler);
    browser.native.open();
    browser.native.receive('early');
    await settle();
    expect(handler.names).toEqual(['open']);
    held.resolve();
    await ws.ready;
    expect(handler.names).toEqual(['open', 'message early']);
  });

  test.each([
    ['text', 'a', 'a'],
    ['text', Uint8Array.of(104, 105).buffer, 'hi'],
    ['blob', 'hi', Uint8Array.of(104, 105)],
    ['blob', Uint8Array.of(1).buffer, Uint8Array.of(1)],
    ['object', '\u{feff}[1]', [1]],
    ['object', Uint8Array.of(52, 50).buffer, 42],
    ['auto', 'a', 'a'],
    ['auto', Uint8Array.of(1).buffer, Uint8Array.of(1)],
  ] as const)('dataType %s makes %j to %j', (dataType, data, expected) => {
    const { browser, handler } = begin({}, new Recorder(dataType));
    browser.native.receive(data);
    expect(handler.last('message')).toEqual({ type: 'message', data: expected, isBinary: typeof data !== 'string' });
  });

  test.each([
    ['ERR_INVALID_JSON', 'object', 'nonsense'],
    ['ERR_INVALID_UTF8', 'text', Uint8Array.of(0xff).buffer],
  ] as const)('%s closes with 4007, since a page may not send 1007', async (code, dataType, data) => {
    const { browser, handler } = begin({}, new Recorder(dataType));
    browser.native.receive(data);
    expect(browser.native.closes).toEqual([[4007, '']]);
    expect(handler.last('error')).toMatchObject({
      error: { code, errCode: 1007, endCause: 'protocol', side: 'remote' },
    });
    browser.native.end(4007);
    await settle();
    expect(handler.names).toEqual(['open', 'error', 'terminate']);
    expect(handler.last('terminate')).toMatchObject({ code: 4007, wasClean: false, cause: 'protocol' });
  });

  test('a callback that fails closes with 4011, and runs no further messages', async () => {
    const { browser, handler, ws } = begin();
    handler.acts['message'] = () => Promise.reject(new Error('oops'));
    browser.native.receive('a');
    browser.native.receive('b');
    await settle();
    expect(browser.native.closes).toEqual([[4011, '']]);
    expect(ws.status).toBe('Closing');
    browser.native.end(4011);
    await settle();
    expect(handler.names).toEqual(['open', 'message a', 'error', 'terminate']);
    const errors = [{ errCode: 1011, message: 'onMessage failed: oops', componentSignature: 'host' }];
    expect(handler.last('error')).toMatchObject({
      errors,
      error: { code: 'ERR_CALLBACK_FAILED', endCause: 'callback' },
    });
    expect(browser.reported).toEqual([]);
  });

  test.each(['error', 'terminate'])('an on%s that fails is reported to the page', async (name) => {
    const { browser, handler } = begin();
    handler.acts[name] = () => {
      throw new Error('oops');
    };
    browser.native.end(1006);
    await settle();
    expect(handler.names).toEqual(['open', 'error', 'terminate']);
    expect(browser.reported).toMatchObject([{ code: 'ERR_CALLBACK_FAILED' }]);
  });

  test('a callback that is no function is none, as in Node', async () => {
    const browser = startFakeBrowser();
    const ws = new WebSocket(URL, { onOpen: false, onMessage: 'none' } as unknown as WebSocketHandler);
    browser.native.open();
    browser.native.receive('a');
    await settle();
    expect(ws.status).toBe('Connected');
  });

  test('events cannot be changed', async () => {
    const { browser, handler } = begin();
    browser.native.end(1006);
    await settle();
    expect(handler.seen.every(([, event]) => Object.isFrozen(event))).toBe(true);
    expect(Object.isFrozen(handler.last('error')?.['errors'])).toBe(true);
  });

  test('a lost connection gives onError and onTerminate with 1006', async () => {
    const { browser, handler, ws } = begin();
    browser.native.end(1006);
    await settle();
    expect(handler.names).toEqual(['open', 'error', 'terminate']);
    expect(handler.last('error')).toMatchObject({
      error: { code: 'ERR_CONNECTION_LOST', errCode: 1006, side: 'remote' },
    });
    expect(handler.last('terminate')).toMatchObject({
      code: 1006,
      wasClean: false,
      cause: 'peer-reset',
      phase: 'open',
    });
    expect([ws.status, ws.send('late')]).toEqual(['Closed', 'dropped']);
  });

  test('terminate sends code and reason once, and mutes onMessage', async () => {
    const { browser, handler, ws } = begin();
    ws.terminate(4000, 'é'.repeat(100));
    ws.terminate();
    browser.native.receive('late');
    expect([browser.native.closes, ws.status]).toEqual([[[4000, 'é'.repeat(61)]], 'Closing']);
    expect(handler.names).toEqual(['open']);
    browser.native.end(4000);
    await settle();
    expect(handler.names).toEqual(['open', 'terminate']);
    expect(handler.last('terminate')).toMatchObject({ code: 4000, cause: 'local', wasClean: true });
  });

  test.each([[1001], [2999], [5000], [1000.5], ['1000'], [1000, 5]])(
    'terminate(%j, %j) is refused',
    (code, reason?) => {
      const { ws } = begin();
      const problem = expect.objectContaining({ code: 'ERR_INVALID_CLOSE_ARGUMENT', errCode: -20011 }) as Error;
      expect(() => ws.terminate(code as number, reason as undefined)).toThrow(problem);
      expect(ws.status).toBe('Connected');
    },
  );

  test('a server that does not answer the close frame is not waited for longer than closeTimeoutMs', async () => {
    const { handler, ws, browser } = begin({ closeTimeoutMs: 500 });
    ws.terminate();
    await vi.advanceTimersByTimeAsync(499);
    expect(handler.names).toEqual(['open']);
    await vi.advanceTimersByTimeAsync(1);
    expect(handler.names).toEqual(['open', 'error', 'terminate']);
    expect(handler.last('error')).toMatchObject({ error: { code: 'ERR_CLOSE_TIMEOUT' } });
    expect(handler.last('terminate')).toMatchObject({ code: 1006, phase: 'closing', cause: 'timeout' });
    // What the browser tells later is ignored.
    browser.native.end(1000);
    await settle();
    expect(handler.seen).toHaveLength(3);
  });

  test('destroy does not wait, and gives no onError', async () => {
    const { handler, ws } = begin();
    ws.destroy();
    ws.destroy();
    expect(handler.names).toEqual(['open']);
    await settle();
    expect(handler.names).toEqual(['open', 'terminate']);
    expect(handler.last('terminate')).toMatchObject({ code: 1006, cause: 'local', wasClean: false });
  });
});

describe('sending', () => {
  test('the type of the argument decides, and bytes are copied', () => {
    const { browser, ws } = begin();
    const bytes = Uint8Array.of(1, 2, 3);
    for (const message of ['é', bytes.subarray(1), bytes.buffer, { a: [1] }, []]) expect(ws.send(message)).toBe('sent');
    bytes.fill(9);
    expect(browser.native.sent).toEqual(['é', Uint8Array.of(2, 3), Uint8Array.of(1, 2, 3), '{"a":[1]}', '[]']);
  });

  const cyclic: Record<string, unknown> = {};
  cyclic['self'] = cyclic;
  test.each([undefined, null, 5, true, cyclic, new Map([[1, 2]]), new Blob(['a']), Promise.resolve(1), new Error('a')])(
    'refuses %o',
    (message) => {
      const { browser, ws } = begin();
      const problem = expect.objectContaining({ code: 'ERR_INVALID_MESSAGE', errCode: -20010 }) as Error;
      expect(() => ws.send(message as object)).toThrow(problem);
      expect([browser.native.sent, ws.status]).toEqual([[], 'Connected']);
    },
  );

  test('without a connection it is an error while Connecting', () => {
    startFakeBrowser();
    expect(() => new WebSocket(URL).send('a')).toThrow(
      expect.objectContaining({ code: 'ERR_NOT_CONNECTED', errCode: -20012 }),
    );
  });

  test("'queued' is told by the browser's bufferedAmount, and onDrain follows once it is empty", async () => {
    const { browser, handler, ws } = begin();
    browser.native.bufferedAmount = 65_530;
    expect([ws.send('123456'), ws.send('1234567')]).toEqual(['sent', 'queued']);
    expect(ws.bufferedBytes).toBe(65_530);
    let isDrained = false;
    void ws.drained().then(() => (isDrained = true));
    await vi.advanceTimersByTimeAsync(100);
    expect([isDrained, handler.names]).toEqual([false, ['open']]);
    browser.native.bufferedAmount = 0;
    await vi.advanceTimersByTimeAsync(100);
    expect([isDrained, handler.names]).toEqual([true, ['open', 'drain']]);
  });

  test('more than maxBufferedBytes ends the connection with 4013', () => {
    const { browser, handler, ws } = begin({ maxBufferedBytes: 10 });
    expect([ws.send('1234567890'), ws.send('12345678901')]).toEqual(['sent', 'dropped']);
    expect([browser.native.closes, browser.native.sent]).toEqual([[[4013, '']], ['1234567890']]);
    expect(handler.last('error')).toMatchObject({ error: { code: 'ERR_BUFFER_FULL', errCode: 1013 } });
  });

  test('as many messages as may wait behind a callback are delivered at once', async () => {
    const held = deferred();
    let count = 0;
    const browser = startFakeBrowser();
    const ws = new WebSocket(URL, { onMessage: () => (count++ === 0 ? held.promise : undefined) });
    browser.native.open();
    expect(ws.status).toBe('Connected');
    for (let i = 0; i < 240_000; i++) browser.native.receive('abc');
    held.resolve();
    const before = process.cpuUsage();
    await settle();
    expect(count).toBe(240_000);
    // It would be 20 s if each message moved those behind it.
    expect(process.cpuUsage(before).user).toBeLessThan(4_000_000);
  });

  test('more than maxWaitingBytes behind a callback ends the connection with 4013', async () => {
    const { browser, handler } = begin({ maxWaitingBytes: 2 * 64 + 3 });
    const held = deferred();
    handler.acts['message'] = () => held.promise;
    for (const text of ['first', 'ab', 'c']) browser.native.receive(text);
    expect(browser.native.closes).toEqual([]);
    browser.native.receive('');
    expect(browser.native.closes).toEqual([[4013, '']]);
    browser.native.end(4013);
    held.resolve();
    await settle();
    // What came before is not lost.
    expect(handler.names.slice(-5)).toEqual(['message ab', 'message c', 'message ', 'error', 'terminate']);
  });
});

async function messageOf(handler: object, options: object): Promise<string> {
  return WebSocket.connect(URL, handler, options).then(String, (error: Error) => error.message);
}

describe('connecting fails', () => {
  test('connect rejects and runs no callback; the constructor runs onError and onTerminate', async () => {
    const browser = startFakeBrowser();
    const handler = new Recorder();
    const silent = new Recorder();
    const ws = new WebSocket(URL, handler);
    browser.native.end();
    const attempt = expect(WebSocket.connect(URL, silent)).rejects.toMatchObject({
      name: 'FourDError',
      code: 'ERR_CONNECT_FAILED',
      errCode: 1006,
      phase: 'connecting',
      endCause: 'connect',
    });
    browser.native.end();
    await attempt;
    expect([await ws.ready, handler.names, silent.names]).toEqual([null, ['error', 'terminate'], []]);
    expect(handler.last('terminate')).toMatchObject({ code: 1006, phase: 'connecting' });
  });

  test('new is connect, also of a class that extends it', async () => {
    const browser = startFakeBrowser();
    class Room extends WebSocket {}
    const promise = Room.new(URL);
    browser.native.open();
    expect(await promise).toBeInstanceOf(Room);
  });

  test.each([
    ['ERR_INVALID_URL', 'http://server.test', {}, {}],
    ['ERR_INVALID_URL', '/path', {}, {}],
    ['ERR_INVALID_URL', 'ws://server.test/#part', {}, {}],
    ['ERR_INVALID_URL', 5, {}, {}],
    ['ERR_INVALID_HANDLER', URL, [], {}],
    ['ERR_INVALID_HANDLER', URL, 'text', {}],
    ['ERR_INVALID_HANDLER', URL, { schema: {} }, {}],
    ['ERR_INVALID_DATA_TYPE', URL, { dataType: 'json' }, {}],
    ['ERR_INVALID_HEADER', URL, { headers: { a: 'b' } }, {}],
    ['ERR_INVALID_OPTION', URL, {}, null],
    ['ERR_INVALID_OPTION', URL, {}, { handshakeTimeoutMs: -1 }],
    ['ERR_INVALID_OPTION', URL, {}, { reconnect: { factor: 'big' } }],
    ['ERR_INVALID_OPTION', URL, {}, { reconect: true }],
    ...['tls', 'proxy', 'followRedirects', 'compression', 'pingIntervalMs', 'signal'].map(
      (name) => ['ERR_INVALID_OPTION', URL, {}, { [name]: {} }] as const,
    ),
    ['ERR_INVALID_OPTION', URL, {}, { reconnect: { headers: () => ({}) } }],
  ] as [string, unknown, unknown, unknown][])('%s for (%j, %j, %j)', async (code, url, handler, options) => {
    const browser = startFakeBrowser();
    const attempt = WebSocket.connect(url as string, handler as object, options as object);
    await expect(attempt).rejects.toMatchObject({ code, phase: 'preparing', endCause: 'invalid' });
    expect(browser.natives).toEqual([]);
  });

  const names =
    'handshakeTimeoutMs,connectTimeoutMs,closeTimeoutMs,maxBufferedBytes,maxWaitingBytes,pingIntervalMs,pongTimeoutMs,pingMessage,protocols,reconnect';
  test.each([
    [{ headers: {} }, {}, 'not in a page'],
    [{}, { tls: {} }, `option tls: a page has only ${names}`],
    [{}, { closeTimeout: 5 }, `option closeTimeout: a page has only ${names}`],
    [{}, { closeTimeoutMs: null }, 'option closeTimeoutMs: must be a number from 0: object null'],
    [{}, { maxWaitingBytes: '5' }, 'option maxWaitingBytes: must be a number from 0: string 5'],
    [{}, { handshakeTimeoutMs: [] }, 'option handshakeTimeoutMs: must be a number from 0: object '],
    [{}, { reconnect: { factor: NaN } }, 'option factor: must be a number from 0: number NaN'],
    [{}, { pingIntervalMs: 1 }, 'pingIntervalMs needs pingMessage or 4d-topics.1'],
    [{}, { pingMessage: 'a' }, 'pingIntervalMs needs pingMessage or 4d-topics.1'],
  ])('the error of handler %j, options %j says what is wrong', async (handler, options, message) => {
    startFakeBrowser();
    expect(await messageOf(handler, options)).toBe(message);
  });

  test('what the browser refuses is told by its message, and not tried again', async () => {
    const browser = startFakeBrowser();
    browser.refusal = new DOMException('insecure', 'SecurityError');
    const attempt = WebSocket.connect(URL, {}, { reconnect: true });
    await expect(attempt).rejects.toMatchObject({
      code: 'ERR_INVALID_OPTION',
      message: 'insecure',
      endCause: 'invalid',
    });
  });

  test('an attempt ends after handshakeTimeoutMs', async () => {
    startFakeBrowser();
    const attempt = expect(WebSocket.connect(URL, null, { handshakeTimeoutMs: 300 })).rejects.toMatchObject({
      code: 'ERR_HANDSHAKE_TIMEOUT',
      endCause: 'timeout',
    });
    await vi.advanceTimersByTimeAsync(300);
    await attempt;
  });

  test('terminate gives up connecting, without onError', async () => {
    const browser = startFakeBrowser();
    const handler = new Recorder();
    const ws = new WebSocket(URL, handler);
    ws.terminate();
    expect([ws.status, handler.names]).toEqual(['Closing', []]);
    expect(await ws.ready).toBeNull();
    expect(handler.names).toEqual(['terminate']);
    expect(handler.last('terminate')).toMatchObject({ code: 1006, cause: 'local', phase: 'connecting' });
    expect(browser.native.closes).toHaveLength(1);
  });
});

describe('reconnecting', () => {
  test.each([
    [1000, false],
    [1001, true],
    [1005, false],
    [1006, true],
    [1008, false],
    [1011, true],
    [1012, true],
    [1013, true],
    [1014, true],
    [4000, false],
  ])('after close code %d: %j, as in Node', async (code, isRetried) => {
    const { browser, handler } = begin({ reconnect: RECONNECT });
    browser.native.end(code);
    await vi.advanceTimersByTimeAsync(500);
    expect([handler.names.includes('disconnect'), browser.natives.length]).toEqual([isRetried, isRetried ? 2 : 1]);
  });

  test('waits longer from attempt to attempt, and gives up after maxAttempts', async () => {
    const { browser, handler } = begin({ reconnect: RECONNECT });
    for (const delayMs of [500, 1000, 2000]) {
      browser.native.end();
      await settle();
      expect(handler.last('disconnect')).toMatchObject({ delayMs });
      const count = browser.natives.length;
      await vi.advanceTimersByTimeAsync(delayMs - 1);
      expect(browser.natives).toHaveLength(count);
      await vi.advanceTimersByTimeAsync(1);
      expect(browser.natives).toHaveLength(count + 1);
    }
    browser.native.end();
    await settle();
    expect(handler.names).toEqual(['open', 'disconnect', 'disconnect', 'disconnect', 'error', 'terminate']);
    expect(handler.last('terminate')).toMatchObject({ reconnectAttempts: 3, unsentMessages: [] });
    expect(browser.listenerCount).toBe(0);
  });

  test('the first connection is tried again too, for connectTimeoutMs', async () => {
    const browser = startFakeBrowser();
    const handler = new Recorder();
    const ws = new WebSocket(URL, handler, { reconnect: true, connectTimeoutMs: 1200 });
    browser.native.end();
    await vi.advanceTimersByTimeAsync(500);
    expect([browser.natives.length, handler.names]).toEqual([2, []]);
    await vi.advanceTimersByTimeAsync(700);
    expect([await ws.ready, handler.names]).toEqual([null, ['error', 'terminate']]);
    expect(handler.last('error')).toMatchObject({ error: { code: 'ERR_CONNECT_TIMEOUT' } });
  });

  test('messages wait in order, and are sent once, after onReconnect', async () => {
    const { browser, handler, ws } = begin({ reconnect: { ...RECONNECT, maxQueuedMessages: 2 } });
    expect([ws.send('0'), ws.send('1')]).toEqual(['sent', 'sent']);
    browser.native.end();
    const bytes = Uint8Array.of(1);
    expect([ws.send('a'), ws.send(bytes), ws.send('c')]).toEqual(['queued', 'queued', 'dropped']);
    bytes[0] = 9;
    expect(ws.bufferedBytes).toBe(2);
    handler.acts['reconnect'] = () => void ws.send('sign in');
    await vi.advanceTimersByTimeAsync(500);
    browser.native.open();
    await settle();
    expect(browser.native.sent).toEqual(['sign in', 'a', Uint8Array.of(1)]);
    expect(handler.last('reconnect')).toEqual({ type: 'reconnect', attempt: 1, uncertainMessages: 2 });
    browser.native.end(1000);
    await settle();
    expect(handler.last('terminate')).toMatchObject({ unsentMessages: [], uncertainMessages: 5 });
  });

  test('onTerminate has the messages that could not be sent', async () => {
    const { browser, handler, ws } = begin({ reconnect: RECONNECT });
    browser.native.end();
    await settle();
    ws.send('a');
    ws.send({ b: 1 });
    ws.terminate();
    await settle();
    expect(handler.names).toEqual(['open', 'disconnect', 'terminate']);
    expect(handler.last('terminate')).toMatchObject({ unsentMessages: ['a', '{"b":1}'], cause: 'local' });
    await vi.advanceTimersByTimeAsync(60_000);
    expect(browser.natives).toHaveLength(1);
  });

  test('a connection that is lost in its own onReconnect sends nothing; the next one does', async () => {
    const { browser, handler, ws } = begin({ reconnect: RECONNECT });
    browser.native.end();
    ws.send('a');
    const held = deferred();
    handler.acts['reconnect'] = () => {
      if (handler.names.filter((name) => name === 'reconnect').length === 1) return held.promise;
      return void ws.send('sign in');
    };
    await vi.advanceTimersByTimeAsync(500);
    const lost = browser.native.open();
    lost.end();
    await vi.advanceTimersByTimeAsync(1000);
    browser.native.open();
    expect([lost.sent, browser.native.sent]).toEqual([[], []]);
    held.resolve();
    await settle();
    expect([lost.sent, browser.native.sent]).toEqual([[], ['sign in', 'a']]);
  });

  test('shouldReconnect decides, and url gives the next URL', async () => {
    const events: unknown[] = [];
    const { browser } = begin({
      reconnect: {
        ...RECONNECT,
        shouldReconnect: (event) => events.push(event) === 1,
        url: () => Promise.resolve(new globalThis.URL('ws://server.test/2')),
      },
    });
    browser.native.end(4000, 'why');
    await vi.advanceTimersByTimeAsync(500);
    expect(browser.native.url).toBe('ws://server.test/2');
    browser.native.end();
    await vi.advanceTimersByTimeAsync(60_000);
    expect(browser.natives).toHaveLength(2);
    expect(events).toMatchObject([
      { code: 4000, reason: 'why', attempt: 1, isTemporary: false, phase: 'open', error: undefined },
      { code: 1006, attempt: 2, isTemporary: true, phase: 'connecting', error: { code: 'ERR_CONNECT_FAILED' } },
    ]);
  });

  test('a URL that comes after terminate() is not connected to', async () => {
    const url = deferred<string>();
    const { browser, handler, ws } = begin({ reconnect: { ...RECONNECT, url: () => url.promise } });
    browser.native.end();
    await vi.advanceTimersByTimeAsync(500);
    ws.terminate();
    url.resolve(URL);
    await settle();
    expect([browser.natives.length, handler.names]).toEqual([1, ['open', 'disconnect', 'terminate']]);
  });

  test('counts attempts anew after a connection that lasted maxDelayMs, and not after a shorter one', async () => {
    const { browser, handler } = begin({ reconnect: RECONNECT });
    const attempts: unknown[] = [];
    for (const openMs of [0, 7999, 8000]) {
      await vi.advanceTimersByTimeAsync(openMs);
      browser.native.end();
      await settle();
      const { attempt, delayMs } = handler.last('disconnect')!;
      attempts.push(attempt);
      await vi.advanceTimersByTimeAsync(delayMs as number);
      browser.native.open();
    }
    expect(attempts).toEqual([1, 2, 1]);
  });

  test('a server that agreed to close has read everything', async () => {
    const { browser, handler, ws } = begin({ reconnect: RECONNECT });
    ws.send('a');
    ws.terminate();
    browser.native.end(1000);
    await settle();
    expect(handler.last('terminate')).toMatchObject({ uncertainMessages: 0 });
  });

  test('the first connection has a minute by default', async () => {
    const { browser, handler } = { browser: startFakeBrowser(), handler: new Recorder() };
    expect(new WebSocket(URL, handler, { handshakeTimeoutMs: Infinity, reconnect: true }).status).toBe('Connecting');
    await vi.advanceTimersByTimeAsync(59_999);
    expect(handler.names).toEqual([]);
    await vi.advanceTimersByTimeAsync(1);
    expect([handler.names, browser.natives.length]).toEqual([['error', 'terminate'], 1]);
  });

  test('a failing url counts as a failed attempt, a failing shouldReconnect as no', async () => {
    const { browser, handler } = begin({
      reconnect: {
        ...RECONNECT,
        url: () => {
          throw new Error('no token');
        },
        shouldReconnect: ({ attempt }) => {
          if (attempt === 2) throw new Error('oops');
          return true;
        },
      },
    });
    browser.native.end();
    await vi.advanceTimersByTimeAsync(500);
    expect(handler.last('error')).toMatchObject({
      error: { code: 'ERR_CONNECT_FAILED', message: 'no token', phase: 'preparing' },
    });
    expect([handler.names.at(-1), browser.reported]).toEqual(['terminate', [new Error('oops')]]);
  });

  test('reconnect() without the option is an error', () => {
    const { ws } = begin();
    const problem = expect.objectContaining({ code: 'ERR_RECONNECT_OFF', errCode: -20017 }) as Error;
    expect(() => ws.reconnect()).toThrow(problem);
  });

  test('reconnect() closes the connection and opens another one at once', async () => {
    const { browser, handler, ws } = begin({ reconnect: RECONNECT });
    ws.reconnect();
    expect([browser.native.closes, ws.status]).toEqual([[[1000, '']], 'Closing']);
    expect(ws.send('while closing')).toBe('queued');
    await vi.advanceTimersByTimeAsync(1000);
    expect(handler.last('disconnect')).toMatchObject({ attempt: 1, delayMs: 0 });
    await vi.advanceTimersByTimeAsync(1);
    browser.native.open();
    await settle();
    expect([handler.names, browser.native.sent]).toEqual([
      ['open', 'disconnect', 'reconnect', 'drain'],
      ['while closing'],
    ]);
  });

  test('reconnect() while waiting does not wait; after the end it begins another life', async () => {
    const { browser, handler, ws } = begin({ reconnect: RECONNECT });
    browser.native.end();
    ws.reconnect();
    await vi.advanceTimersByTimeAsync(1);
    expect(browser.natives).toHaveLength(2);
    browser.native.open();
    ws.terminate();
    browser.native.end(1000);
    await settle();
    expect(ws.status).toBe('Closed');
    ws.reconnect();
    const again = ws.ready;
    await vi.advanceTimersByTimeAsync(1);
    browser.native.open();
    expect(await again).toBe(ws);
    expect(handler.names).toEqual(['open', 'disconnect', 'reconnect', 'terminate', 'reconnect']);
  });

  test('reconnect() of a client that is ending takes effect after its onTerminate; terminate() undoes it', async () => {
    const { browser, handler, ws } = begin({ reconnect: RECONNECT });
    ws.terminate();
    ws.reconnect();
    ws.terminate();
    browser.native.end(1000);
    await vi.advanceTimersByTimeAsync(60_000);
    expect(browser.natives).toHaveLength(1);
    ws.reconnect();
    await vi.advanceTimersByTimeAsync(1);
    browser.native.open();
    ws.terminate();
    ws.reconnect();
    browser.native.end(1000);
    await vi.advanceTimersByTimeAsync(1);
    browser.native.open();
    expect(handler.names).toEqual(['open', 'terminate', 'reconnect', 'terminate', 'reconnect']);
  });

  test('reconnect() of a client whose URL cannot be used ends it once more, and only once', async () => {
    startFakeBrowser();
    const handler = new Recorder();
    const ws = new WebSocket('nonsense', handler, { reconnect: RECONNECT });
    await settle();
    ws.reconnect();
    expect(handler.names).toEqual(['error', 'terminate']);
    await settle();
    expect(handler.names).toEqual(['error', 'terminate', 'error', 'terminate']);
  });
});

describe('liveness', () => {
  const PING = { pingIntervalMs: 1000, pongTimeoutMs: 500, pingMessage: { are: 'you there?' } };
  const question = '{"are":"you there?"}';

  test('a silent server is asked, and the connection is lost without an answer, as by the heartbeat of Node', async () => {
    const { browser, handler } = begin({ ...PING, reconnect: RECONNECT });
    await vi.advanceTimersByTimeAsync(999);
    browser.native.receive('still here');
    await vi.advanceTimersByTimeAsync(999);
    expect(browser.native.sent).toEqual([]);
    await vi.advanceTimersByTimeAsync(1);
    browser.native.receive('yes');
    await vi.advanceTimersByTimeAsync(1000);
    expect(browser.native.sent).toEqual([question, question]);
    await vi.advanceTimersByTimeAsync(499);
    expect(handler.names.includes('disconnect')).toBe(false);
    await vi.advanceTimersByTimeAsync(1);
    expect([handler.last('disconnect'), browser.natives[0]!.closes.length]).toMatchObject([{ cause: 'heartbeat' }, 1]);
    await vi.advanceTimersByTimeAsync(500);
    expect(browser.natives).toHaveLength(2);
  });

  test('without reconnect the error is that of Node', async () => {
    const { handler } = begin(PING);
    await vi.advanceTimersByTimeAsync(1500);
    expect(handler.last('error')).toMatchObject({
      error: { code: 'ERR_HEARTBEAT', errCode: 1006, side: 'remote', endCause: 'heartbeat', phase: 'open' },
    });
  });

  test('a page that was asleep asks at once, and gives the server the full time', async () => {
    const { browser, handler } = begin(PING);
    await vi.advanceTimersByTimeAsync(1400);
    browser.dispatch('resume');
    expect(browser.native.sent).toEqual([question, question]);
    await vi.advanceTimersByTimeAsync(499);
    // The machine slept: the timer comes an hour late.
    vi.spyOn(performance, 'now').mockReturnValue(3_600_000);
    await vi.advanceTimersByTimeAsync(1);
    expect([browser.native.sent.length, handler.names]).toEqual([3, ['open']]);
  });

  test('4d-topics.1 has a ping of its own, and a server that keeps no promise of a frame is gone', async () => {
    const browser = startFakeBrowser();
    const handler = new Recorder();
    const ws = new WebSocket(URL, handler, { protocols: ['4d-topics.1'] });
    browser.native.open('4d-topics.1');
    browser.native.receive('{"t":"hi","v":1,"session":"s","aliveMs":1000,"limits":{}}');
    await vi.advanceTimersByTimeAsync(1499);
    browser.native.receive('{"t":"alive"}');
    browser.native.receive('{"t":"m","data":{"aliveMs":1}}');
    await vi.advanceTimersByTimeAsync(1400);
    browser.dispatch('online');
    expect([browser.native.sent, ws.status]).toEqual([['{"t":"ping"}'], 'Connected']);
    browser.native.receive('{"t":"alive"}');
    await vi.advanceTimersByTimeAsync(1500);
    expect(handler.last('terminate')).toMatchObject({ cause: 'heartbeat' });
    expect(handler.seen.filter(([name]) => name === 'message')).toHaveLength(2);
  });
});

describe('callbacks that never end', () => {
  test('hold onTerminate back, as in Node, but not the messages behind them', async () => {
    const { browser, handler, ws } = begin({ maxWaitingBytes: 200, reconnect: RECONNECT });
    const held = deferred();
    handler.acts['message'] = () => held.promise;
    for (const text of ['a', 'b', 'c']) browser.native.receive(text);
    ws.destroy();
    await settle();
    expect(handler.names).toEqual(['open', 'message a']);
    held.resolve();
    await settle();
    expect(handler.names).toEqual(['open', 'message a', 'terminate']);
  });

  test('what was too much is dropped when the client connects again, and no longer counts', async () => {
    const { browser, handler } = begin({ maxWaitingBytes: 140, reconnect: RECONNECT });
    const held = deferred();
    handler.acts['message'] = () => held.promise;
    for (const text of ['first', 'b', 'c', 'd']) browser.native.receive(text);
    expect(browser.native.closes).toEqual([[4013, '']]);
    browser.native.end(4013);
    await vi.advanceTimersByTimeAsync(500);
    browser.native.open();
    browser.native.receive('new');
    expect(browser.native.closes).toEqual([]);
    held.resolve();
    await settle();
    expect(handler.names).toEqual(['open', 'message first', 'disconnect', 'reconnect', 'message new']);
  });
});

test('drained() sets no timer while there is no connection', async () => {
  const { browser, ws } = begin({ reconnect: RECONNECT });
  browser.native.end();
  await settle();
  ws.send('a');
  const timers = vi.getTimerCount();
  let isDrained = false;
  void ws.drained().then(() => (isDrained = true));
  expect([timers, vi.getTimerCount()]).toEqual([1, 1]);
  await vi.advanceTimersByTimeAsync(500);
  browser.native.open();
  await settle();
  expect([isDrained, browser.native.sent]).toEqual([true, ['a']]);
});

describe('the page', () => {
  test.each(['online', 'visibilitychange', 'pageshow', 'resume'])('%s makes the attempt at once', async (type) => {
    const { browser } = begin({ reconnect: RECONNECT });
    browser.native.end();
    await settle();
    browser.dispatch(type);
    expect(browser.natives).toHaveLength(2);
    // The wait that is over makes no attempt of its own.
    await vi.advanceTimersByTimeAsync(5000);
    expect(browser.natives).toHaveLength(2);
    browser.native.open();
    browser.dispatch(type);
    expect(browser.natives).toHaveLength(2);
  });

  test('a hidden page waits, unless it is thawed', async () => {
    const { browser } = begin({ reconnect: RECONNECT });
    browser.native.end();
    await settle();
    browser.document.hidden = true;
    browser.dispatch('visibilitychange');
    expect(browser.natives).toHaveLength(1);
    browser.dispatch('resume');
    expect(browser.natives).toHaveLength(2);
  });

  test.each([
    ['goes into the back/forward cache', 'pagehide', 'pageshow'],
    ['is frozen', 'freeze', 'resume'],
  ])('a page that %s lets its connection go, and connects when it is back', async (_, hide, show) => {
    const { browser, handler } = begin({ reconnect: RECONNECT });
    browser.dispatch('pagehide', { persisted: false });
    await settle();
    expect(browser.native.closes).toEqual([]);
    browser.dispatch(hide, hide === 'pagehide' ? { persisted: true } : {});
    await settle();
    expect([browser.native.closes.length, handler.names]).toEqual([1, ['open', 'disconnect']]);
    await vi.advanceTimersByTimeAsync(1_000_000);
    expect(browser.natives).toHaveLength(1);
    browser.dispatch(show, { persisted: true });
    browser.native.open();
    expect(handler.names).toEqual(['open', 'disconnect', 'reconnect']);
  });

  test('a page that is left for good makes no attempt on its way', () => {
    const { browser } = begin({ reconnect: RECONNECT });
    browser.native.end();
    browser.dispatch('pagehide', { persisted: false });
    expect(browser.natives).toHaveLength(1);
  });

  test('without the option reconnect it keeps its connection; when it is over nothing listens to the page', async () => {
    const { browser, handler } = begin();
    browser.dispatch('freeze');
    browser.dispatch('resume');
    await settle();
    expect([browser.native.closes, handler.names]).toEqual([[], ['open']]);
    browser.native.end(1000);
    await settle();
    expect(browser.listenerCount).toBe(0);
  });
});

test('the errors have the numbers that they have in Node', async () => {
  const { errorTable } = await import('../../src/errors.ts');
  const used = (await import('./used-codes.ts')).findUsedCodes();
  await import('../../src/browser-topics.ts');
  expect(used.length).toBeGreaterThan(15);
  for (const code of used) {
    if (code === 'ERR_NOT_IN_BROWSER') continue;
    expect([code, new FourDError(code, '').errCode]).toEqual([code, errorTable[code].errCode]);
  }
});
