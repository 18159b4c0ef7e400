import { describe, expect, expectTypeOf, test, vi } from 'vitest';
import { WebSocket, type WebSocketOptions } from '../../src/browser-topics.ts';
import { errorTable } from '../../src/errors.ts';
import { TopicRecorder } from '../topics/client-harness.ts';
import { createDeferred } from '../helpers/deferred.ts';
import { type FakeBrowser, startFakeBrowser } from '../helpers/fake-browser.ts';
import { Recorder } from './recorder.ts';

const URL = 'ws://server.test/path';
const TOPICS = '4d-topics.1';
const RECONNECT = { minDelayMs: 1000, maxDelayMs: 1000, maxAttempts: 9 };

/** Lets promises settle. */
const settle = (): Promise<unknown> => vi.advanceTimersByTimeAsync(0);

function begin(options: WebSocketOptions = {}, handler: object = new Recorder(), protocol = TOPICS) {
  const browser = startFakeBrowser();
  const ws = new WebSocket(URL, handler, { topics: true, ...options });
  browser.native.open(protocol);
  return { browser, ws };
}

/** Takes what was sent on the present connection. */
function taken({ native }: FakeBrowser): unknown[] {
  return native.sent.splice(0).map((data) => (typeof data === 'string' ? (JSON.parse(data) as unknown) : data));
}

function receive({ native }: FakeBrowser, ...frames: object[]): void {
  for (const frame of frames) native.receive(JSON.stringify(frame));
}

const m = (offset: number): object => ({ t: 'm', topic: 'room', pos: `e.${offset}.t`, at: 1, data: offset });

describe('a client with topics in a browser', () => {
  test('offers its subprotocol and its session, and goes on where it was', async () => {
    const { browser, ws } = begin({ protocols: ['chat'], reconnect: RECONNECT });
    expect(browser.native.protocols).toEqual([TOPICS, 'chat']);
    const room = new TopicRecorder();
    const sub = ws.subscribe('room', room);
    const published = ws.publish('room', Uint8Array.of(104, 105), { key: 'k' });
    await settle();
    expect(taken(browser)).toEqual([
      { t: 'sub', topic: 'room' },
      {
        t: 'pub',
        topic: 'room',
        key: 'k',
        mid: expect.stringMatching(/^[\d,]{16,64}$/) as string,
        id: 1,
        data: { b64: 'aGk=' },
      },
    ]);
    receive(
      browser,
      { t: 'hi', v: 1, session: 'secret-of-22-letters', aliveMs: 1000 },
      { t: 'subbed', topic: 'room', pos: 'e.0.t', state: 'new' },
    );
    receive(browser, { t: 'ok', id: 1, pos: 'e.1.t' }, m(1));
    expect(await published).toEqual({ position: 'e.1.t', duplicate: false });
    expect([room.seen, sub.position]).toEqual([['new 0', '1'], 'e.1.t']);
    browser.native.end();
    await vi.advanceTimersByTimeAsync(1000);
    browser.native.open(TOPICS);
    await settle();
    expect(browser.native.protocols).toEqual([TOPICS, 'chat', 'session.secret-of-22-letters']);
    expect(taken(browser)).toEqual([{ t: 'sub', topic: 'room', since: 'e.1.t' }]);
  });

  test('offers the session that the program has kept, and the one of the server in its place', async () => {
    const kept = 'session.kept-by-the-program';
    const { browser } = begin({ protocols: [kept, 'chat'], reconnect: RECONNECT });
    expect(browser.native.protocols).toEqual([TOPICS, kept, 'chat']);
    // A browser refuses a subprotocol that is offered twice.
    for (const session of ['kept-by-the-program', 'another-of-the-server']) {
      receive(browser, { t: 'hi', v: 1, session });
      browser.native.end();
      await vi.advanceTimersByTimeAsync(1000);
      expect(browser.native.protocols).toEqual([TOPICS, 'chat', `session.${session}`]);
      browser.native.open(TOPICS);
    }
  });

  test('loses a server that keeps no promise of a frame', async () => {
    const handler = new Recorder();
    const { browser, ws } = begin({}, handler);
    receive(browser, { t: 'hi', v: 1, session: 's', aliveMs: 1000 });
    await vi.advanceTimersByTimeAsync(1499);
    receive(browser, { t: 'alive' });
    await vi.advanceTimersByTimeAsync(1499);
    expect([ws.status, handler.names]).toEqual(['Connected', ['open']]);
    await vi.advanceTimersByTimeAsync(2);
    expect(handler.last('terminate')).toMatchObject({ cause: 'heartbeat' });
  });

  test.each([
    ['text', 'x', 'x'],
    ['text', { a: 1 }, '{"a":1}'],
    ['text', { t: 'alive' }, '{"t":"alive"}'],
    ['text', undefined, 'null'],
    ['object', 'x', 'x'],
    ['object', [1], [1]],
    ['blob', 'hi', Uint8Array.of(104, 105)],
    ['auto', 'x', 'x'],
  ] as const)('of dataType %s takes %j for a message', async (dataType, data, got) => {
    const handler = Object.assign(new Recorder(), { dataType });
    const { browser, ws } = begin({}, handler);
    receive(browser, { t: 'alive' }, { t: 'msg', data });
    await settle();
    expect(handler.names[0]).toBe('open');
    expect(handler.last('message')).toEqual({ type: 'message', data: got, isBinary: false });
    expect([ws.send('"x"'), ws.send({ a: 1 }), ws.send(Uint8Array.of(1))]).toEqual(['sent', 'sent', 'sent']);
    expect(taken(browser)).toEqual([{ t: 'msg', data: '"x"' }, { t: 'msg', data: { a: 1 } }, Uint8Array.of(1)]);
  });

  test('gives messages that waited to the next connection, whatever it speaks, and those that it could not send back', async () => {
    const handler = new Recorder();
    const { browser, ws } = begin({ reconnect: RECONNECT, protocols: ['chat'] }, handler);
    browser.native.end();
    ws.send('one');
    ws.send({ two: 2 });
    await vi.advanceTimersByTimeAsync(1000);
    browser.native.open('chat');
    await settle();
    expect(browser.native.sent).toEqual(['one', '{"two":2}']);
    expect(() => ws.subscribe('room', {})).toThrow(expect.objectContaining({ code: 'ERR_TOPICS_OFF' }) as Error);
    browser.native.end();
    ws.send('three');
    ws.send({ four: 4 });
    ws.terminate();
    await settle();
    expect(handler.last('terminate')).toMatchObject({ unsentMessages: ['three', '{"four":4}'] });
  });

  test('loses with a connection what must not be sent twice, and waits for the next one', async () => {
    const { browser, ws } = begin({ reconnect: RECONNECT });
    const lost = expect(ws.request('?')).rejects.toMatchObject({ code: 'ERR_CONNECTION_LOST' });
    browser.native.end();
    await lost;
    void ws.publish('room', 1);
    await vi.advanceTimersByTimeAsync(1000);
    browser.native.open(TOPICS);
    expect(taken(browser)).toMatchObject([{ t: 'pub', data: 1 }]);
  });

  test('gives back what was sent while its server was closing the connection', async () => {
    const handler = new Recorder();
    const { browser, ws } = begin({ reconnect: RECONNECT }, handler);
    browser.native.readyState = 2;
    expect(ws.send('late')).toBe('queued');
    browser.native.end(1000);
    await settle();
    expect(handler.last('terminate')).toMatchObject({ cause: 'peer-closed', unsentMessages: ['late'] });
  });

  test.each([
    ['terminate()', (ws: WebSocket) => ws.terminate()],
    ['the close event', (_: WebSocket, { native }: FakeBrowser) => native.end(1000)],
  ])(
    'ends its subscriptions with the client, without a message after terminate(), also with %s again',
    async (_, act) => {
      const held = createDeferred();
      const { browser, ws } = begin();
      const room = new TopicRecorder();
      ws.subscribe('room', room);
      await settle();
      receive(browser, { t: 'subbed', topic: 'room', pos: 'e.0.t', state: 'new' });
      room.act = () => held.promise;
      receive(browser, m(1), m(2));
      ws.terminate();
      receive(browser, m(3));
      browser.native.end(1000);
      held.resolve();
      await settle();
      expect(room.seen).toEqual(['new 0', '1', 'end ended']);
      // What comes late does not make it wait for a connection.
      act(ws, browser);
      await expect(ws.publish('room', 1)).rejects.toMatchObject({ code: 'ERR_NOT_CONNECTED', stored: 'no' });
    },
  );

  test('asks again for what it dropped behind 1 000 callbacks', async () => {
    const held = createDeferred();
    const { browser, ws } = begin();
    const room = new TopicRecorder();
    ws.subscribe('room', room);
    await settle();
    receive(browser, { t: 'subbed', topic: 'room', pos: 'e.0.t', state: 'new' });
    room.act = (line) => (line === '1' ? held.promise : undefined);
    taken(browser);
    for (let n = 1; n <= 1002; n++) receive(browser, m(n));
    expect(taken(browser)).toEqual([{ t: 'unsub', topic: 'room' }]);
    held.resolve();
    await settle();
    expect(taken(browser)).toEqual([{ t: 'sub', topic: 'room', since: 'e.1.t' }]);
  });

  test('answers onOpen while it runs, and tells of callbacks that fail', async () => {
    const seen: unknown[] = [];
    const handler = {
      async onOpen(ws: WebSocket) {
        seen.push(await ws.request<string>('?'));
        this.done();
      },
      done: () => seen.push('done'),
    };
    const { browser, ws } = begin({}, handler);
    await settle();
    receive(browser, { t: 'ok', id: 1, data: '!' });
    await settle();
    expect([seen, ws.handler]).toEqual([['!', 'done'], handler]);
    ws.subscribe('room', {
      onSubscribed() {
        throw new Error('no');
      },
    });
    await settle();
    receive(browser, { t: 'subbed', topic: 'room', pos: 'e.0.t', state: 'new' });
    await settle();
    expect(browser.reported).toEqual([expect.objectContaining({ code: 'ERR_CALLBACK_FAILED' })]);
    expectTypeOf(ws.request('x')).resolves.toEqualTypeOf<unknown>();
  });

  test('moves when the server says so, and pings it when it is silent', async () => {
    const { browser, ws } = begin({ reconnect: { ...RECONNECT, minDelayMs: 60_000, maxDelayMs: 60_000 } });
    receive(browser, { t: 'move', afterMs: 500 });
    browser.native.end(1012);
    await vi.advanceTimersByTimeAsync(499);
    expect(browser.natives).toHaveLength(1);
    await vi.advanceTimersByTimeAsync(2);
    expect(browser.natives).toHaveLength(2);
    browser.native.open(TOPICS);
    await vi.advanceTimersByTimeAsync(25_000);
    expect(taken(browser)).toEqual([{ t: 'ping' }]);
    await vi.advanceTimersByTimeAsync(20_000);
    expect(ws.status).toBe('Connecting');
  });

  test.each([
    ['ERR_TOPICS_OFF', (ws: WebSocket) => ws.publish('room', 1), 'chat'],
    ['ERR_INVALID_TOPIC', (ws: WebSocket) => ws.publish('a*', 1), TOPICS],
    ['ERR_INVALID_MESSAGE', (ws: WebSocket) => ws.publish('room', new Map()), TOPICS],
    ['ERR_REQUEST_TIMEOUT', (ws: WebSocket) => ws.request(1, { timeoutMs: 1 }), TOPICS],
  ] as const)('fails with %s as in Node', async (code, act, protocol) => {
    const { ws } = begin({ protocols: ['chat'] }, new Recorder(), protocol);
    const failed = expect(act(ws)).rejects.toMatchObject({ code, errCode: errorTable[code].errCode });
    await vi.advanceTimersByTimeAsync(1);
    await failed;
  });

  test('without the option offers nothing, and tells why there are no topics', async () => {
    const browser = startFakeBrowser();
    const ws = new WebSocket(URL);
    expect(browser.native.protocols).toEqual([]);
    browser.native.open();
    ws.send('plain');
    expect(browser.native.sent).toEqual(['plain']);
    await expect(ws.request(1)).rejects.toMatchObject({
      code: 'ERR_TOPICS_OFF',
      errCode: -20021,
      item: { errCode: -20021 },
    });
    expect(await new WebSocket('no url', 7 as never).ready).toBeNull();
  });
});
