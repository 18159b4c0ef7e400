import { describe, expect, test } from 'vitest';
import { FourDError, onErrCall, type Status, WebSocket, type WebSocketOptions } from '../../src/index.ts';
import { recordingHandler } from '../../src/testing.ts';
import { createDeferred } from '../helpers/deferred.ts';
import { recordErrors } from '../helpers/error-handlers.ts';
import { useFakeClock } from '../helpers/fake-clock.ts';
import { frame } from '../helpers/frames.ts';
import { startPeerServer } from '../helpers/peer.ts';
import { findClosedPort, startRawServer } from '../helpers/raw-server.ts';
import { turns } from '../helpers/turns.ts';
import { endWorker, runInWorker, workerName } from '../helpers/workers.ts';

/** Returns the error that a connection attempt rejects with. */
async function errorOf(attempt: Promise<unknown>): Promise<FourDError> {
  const outcome: unknown = await attempt.catch((error: unknown) => error);
  expect(outcome).toBeInstanceOf(FourDError);
  return outcome as FourDError;
}

function throwIt(thrown: unknown): never {
  throw thrown;
}

const ABORTED = { type: 'terminate', code: 1006, reason: undefined, wasClean: false };

describe('options', () => {
  test.each<[what: string, options: unknown]>([
    ['an option that does not exist', { maxMessageSize: 5 }],
    ['an option of servers', { path: '/chat' }],
    ['a text instead of a number', { closeTimeoutMs: '5' }],
    ['a negative number', { maxMessageBytes: -1 }],
    ['zero', { maxFragments: 0 }],
    ['a fraction', { maxWaitingMessages: 1.5 }],
    ['NaN', { maxBufferedBytes: NaN }],
    ['an infinite message', { maxMessageBytes: Infinity }],
    ['a subprotocol that is no token', { protocols: ['a b'] }],
    ['a subprotocol twice', { protocols: ['a', 'a'] }],
    ['a subprotocol that is no array', { protocols: 'a' }],
    ['null', null],
    ['a number', 5],
  ])('%s is refused before anything is sent', async (_what, options) => {
    const server = await startRawServer();
    const error = await errorOf(WebSocket.new(server.url, {}, options as WebSocketOptions));
    expect(error).toMatchObject({ code: 'ERR_INVALID_OPTION', componentSignature: 'HTCL', side: 'local' });

    const handler = recordingHandler();
    const ws = new WebSocket(server.url, handler, options as WebSocketOptions);
    expect(await ws.ready).toBeNull();
    expect(handler.callbacks).toEqual(['onError', 'onTerminate']);
    expect(handler.errors[0]!.error.code).toBe('ERR_INVALID_OPTION');
    expect(server.connections.all).toEqual([]);
  });

  test('undefined takes the default', async () => {
    const server = await startPeerServer();
    const options = { closeTimeoutMs: undefined, protocols: undefined, tls: undefined, maxMessageBytes: undefined };
    expect(await WebSocket.new(server.url, {}, options)).toBeInstanceOf(WebSocket);
    expect(await WebSocket.new(server.url, {}, undefined)).toBeInstanceOf(WebSocket);
  });

  test('one byte more than maxMessageBytes ends the connection with 1009', async () => {
    const server = await startPeerServer();
    const handler = recordingHandler();
    await WebSocket.new(server.url, handler, { maxMessageBytes: 10 });
    const peer = await server.accept();
    peer.send('x'.repeat(10));
    peer.send('x'.repeat(11));
    expect((await peer.closed).code).toBe(1009);
    expect(await handler.ended()).toMatchObject({ code: 1009, wasClean: false });
    expect(handler.callbacks).toEqual(['onOpen', 'onMessage', 'onError', 'onTerminate']);
    expect(handler.errors[0]!.error).toMatchObject({ code: 'ERR_MESSAGE_TOO_BIG', limit: 10, observed: 11 });
  });

  test('one fragment more than maxFragments ends the connection with 1008', async () => {
    const server = await startPeerServer();
    const handler = recordingHandler();
    await WebSocket.new(server.url, handler, { maxFragments: 2 });
    const peer = await server.accept();
    for (const [text, fin] of [
      ['a', false],
      ['b', true],
      ['c', false],
      ['d', false],
      ['e', true],
    ] as const) {
      peer.socket.send(text, { fin });
    }
    expect((await peer.closed).code).toBe(1008);
    await handler.ended();
    expect(handler.messages).toEqual(['ab']);
    expect(handler.errors[0]!.error.code).toBe('ERR_TOO_MANY_FRAGMENTS');
  });

  test('more waiting bytes than maxBufferedBytes end the connection with 1013', async () => {
    const server = await startRawServer();
    const handler = recordingHandler();
    const attempt = WebSocket.new(server.url, handler, { maxBufferedBytes: 100_000, closeTimeoutMs: 100 });
    const peer = await server.open();
    peer.socket.pause();
    const ws = await attempt;
    while (ws!.status === 'Connected') {
      ws!.send(Buffer.alloc(50_000));
      await turns(1);
    }
    expect(await handler.ended()).toMatchObject({ code: 1013, wasClean: false });
    expect(handler.callbacks).toEqual(['onOpen', 'onError', 'onTerminate']);
    const { error } = handler.errors[0]!;
    expect(error).toMatchObject({ code: 'ERR_BUFFER_FULL', limit: 100_000, side: 'remote' });
    expect(error.observed).toBeGreaterThan(100_000);
    expect(ws!.bufferedBytes).toBe(0);
  });

  test('handshakeTimeoutMs ends the wait for a server that does not answer', async () => {
    const server = await startRawServer();
    const attempt = WebSocket.new(server.url, {}, { handshakeTimeoutMs: 100 });
    const peer = await server.accept();
    expect(await errorOf(attempt)).toMatchObject({ code: 'ERR_HANDSHAKE_TIMEOUT', errCode: 1006, side: 'remote' });
    await peer.ended;
  });

  test('handshakeTimeoutMs ends the wait for a server that answers byte by byte', async () => {
    const server = await startRawServer();
    const handler = recordingHandler();
    const ws = new WebSocket(server.url, handler, { handshakeTimeoutMs: 100 });
    const peer = await server.accept();
    peer.socket.write('HTTP/1.1 101 Switching Protocols\r\nX-Slow: ');
    while (ws.status === 'Connecting') {
      peer.socket.write('x');
      await turns(1);
    }
    expect(await ws.ready).toBeNull();
    expect(handler.errors[0]!.error.code).toBe('ERR_HANDSHAKE_TIMEOUT');
    expect(handler.callbacks).toEqual(['onError', 'onTerminate']);
  });

  test('handshakeTimeoutMs is 10 seconds by default', async () => {
    const clock = useFakeClock();
    const server = await startRawServer();
    const handler = recordingHandler();
    const ws = new WebSocket(server.url, handler);
    const peer = await server.accept();
    await clock.advance(9900);
    expect(ws.status).toBe('Connecting');
    await clock.advance(200);
    expect(await ws.ready).toBeNull();
    expect(handler.errors[0]!.error.code).toBe('ERR_HANDSHAKE_TIMEOUT');
    await peer.ended;
  });

  test('invalid TLS options are reported like any other failure', async () => {
    const handler = recordingHandler();
    const ws = new WebSocket(`wss://127.0.0.1:${await findClosedPort()}`, handler, {
      tls: { minVersion: 'TLSv9' as 'TLSv1.3' },
    });
    expect(await ws.ready).toBeNull();
    expect(handler.callbacks).toEqual(['onError', 'onTerminate']);
    expect(handler.errors[0]!.error.code).toBe('ERR_CONNECT_FAILED');
  });

  test('later changes of the options object have no effect', async () => {
    const server = await startPeerServer();
    const options: { maxMessageBytes: number; protocols: string[] } = { maxMessageBytes: 100, protocols: ['a'] };
    const handler = recordingHandler();
    const attempt = WebSocket.new(server.url, handler, options);
    options.maxMessageBytes = 1;
    options.protocols.push('b');
    expect((await attempt)!.protocol).toBe('a');
    const peer = await server.accept();
    expect(peer.headerLines('sec-websocket-protocol')).toEqual(['a']);
    peer.send('longer than one byte');
    expect(await handler.nextMessage()).toBe('longer than one byte');
  });
});

describe('subprotocols', () => {
  test('are offered in order, and protocol is the chosen one', async () => {
    const server = await startPeerServer({ handleProtocols: (protocols) => Array.from(protocols).at(-1)! });
    const ws = await WebSocket.new(server.url, {}, { protocols: ['chat.v2', 'chat.v1'] });
    const peer = await server.accept();
    expect(peer.headerLines('sec-websocket-protocol')).toEqual(['chat.v2, chat.v1']);
    expect(ws!.protocol).toBe('chat.v1');
  });

  test('are not offered by default, and protocol is empty', async () => {
    const server = await startPeerServer();
    const ws = await WebSocket.new(server.url, {}, { protocols: [] });
    const peer = await server.accept();
    expect(peer.headerLines('sec-websocket-protocol')).toEqual([]);
    expect(ws!.protocol).toBe('');
  });

  test('may be offered to a server that chooses none', async () => {
    const server = await startPeerServer({ handleProtocols: () => false });
    const ws = await WebSocket.new(server.url, {}, { protocols: ['a'] });
    expect(ws!.protocol).toBe('');
  });

  test('are chosen before onOpen runs', async () => {
    const server = await startPeerServer();
    const protocols: string[] = [];
    await WebSocket.new(server.url, { onOpen: (ws) => void protocols.push(ws.protocol) }, { protocols: ['a', 'b'] });
    expect(protocols).toEqual(['a']);
  });

  test.each([
    ['one that was not offered', ['Sec-WebSocket-Protocol: other'], ['a']],
    ['one although none was offered', ['Sec-WebSocket-Protocol: a'], []],
    ['one in another case', ['Sec-WebSocket-Protocol: A'], ['a']],
    ['two', ['Sec-WebSocket-Protocol: a, b'], ['a', 'b']],
  ])('a server that chooses %s is refused', async (_what, lines, protocols) => {
    const server = await startRawServer();
    const attempt = WebSocket.new(server.url, {}, { protocols });
    const peer = await server.accept();
    peer.socket.write(peer.answer(lines));
    expect((await errorOf(attempt)).code).toBe('ERR_HANDSHAKE_INVALID');
    await peer.ended;
  });

  test('an extension that was not offered is refused', async () => {
    const server = await startRawServer();
    const attempt = WebSocket.new(server.url, {});
    const peer = await server.accept();
    peer.socket.write(peer.answer(['Sec-WebSocket-Extensions: permessage-deflate']));
    expect((await errorOf(attempt)).code).toBe('ERR_HANDSHAKE_INVALID');
    await peer.ended;
  });
});

describe('invalid answers', () => {
  test.each([
    ['something else than HTTP', 'SSH-2.0-OpenSSH_9.6\r\n', 'ERR_HANDSHAKE_INVALID'],
    ['half an answer', 'HTTP/1.1 101 Switching Pro', 'ERR_CONNECT_FAILED'],
    ['nothing at all', '', 'ERR_CONNECT_FAILED'],
  ])('a server that sends %s and ends TCP is an error', async (_what, answer, code) => {
    const server = await startRawServer();
    const attempt = WebSocket.new(server.url, {});
    const peer = await server.accept();
    peer.socket.end(answer);
    expect(await errorOf(attempt)).toMatchObject({ code, side: 'remote' });
  });

  test('a 101 without Upgrade is an error at once', async () => {
    const server = await startRawServer();
    const attempt = WebSocket.new(server.url, {});
    const peer = await server.accept();
    peer.socket.write(peer.answer().replace('Upgrade: websocket\r\n', ''));
    expect((await errorOf(attempt)).code).toMatch(/^ERR_HANDSHAKE_(?:INVALID|REFUSED)$/);
    await peer.ended;
  });

  test('informational answers in front of the 101 are skipped', async () => {
    const server = await startRawServer();
    const attempt = WebSocket.new(server.url, {});
    const peer = await server.accept();
    peer.socket.write(`HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n${peer.answer()}`);
    expect(await attempt).toBeInstanceOf(WebSocket);
  });

  test('a redirect is an error with its Location', async () => {
    const server = await startRawServer();
    const attempt = WebSocket.new(server.url, {});
    const peer = await server.accept();
    peer.socket.write('HTTP/1.1 302 Found\r\nLocation: ws://127.0.0.1/\r\nContent-Length: 0\r\n\r\n');
    const error = await errorOf(attempt);
    expect(error.httpStatus).toBe(302);
    expect(error.httpHeaders!['location']).toBe('ws://127.0.0.1/');
  });
});

describe('terminate() while Connecting', () => {
  test('ends TCP, runs onTerminate once and no other callback, and resolves ready to null', async () => {
    const server = await startRawServer();
    const seen: unknown[] = [];
    const handler = recordingHandler({ onTerminate: (socket) => void seen.push(socket) });
    const ws = new WebSocket(server.url, handler);
    const peer = await server.accept();
    ws.terminate(4000, 'changed my mind');
    ws.terminate();
    expect(ws.status).toBe('Closing');
    expect(await ws.ready).toBeNull();
    expect(await handler.ended()).toMatchObject(ABORTED);
    await peer.ended;
    peer.socket.end(peer.answer());
    await turns();
    expect(ws.status).toBe('Closed');
    expect(handler.callbacks).toEqual(['onTerminate']);
    expect(seen).toEqual([ws]);
  });

  test('in the turn of new WebSocket() sends nothing', async () => {
    const server = await startRawServer();
    const handler = recordingHandler();
    new WebSocket(server.url, handler).terminate();
    await handler.ended();
    await turns();
    expect(handler.callbacks).toEqual(['onTerminate']);
    expect(server.connections.all.every(({ request }) => request === '')).toBe(true);
  });

  test('with a bad URL runs onTerminate without onError', async () => {
    const handler = recordingHandler();
    const ws = new WebSocket('', handler);
    ws.terminate();
    expect(await ws.ready).toBeNull();
    await turns();
    expect(handler.callbacks).toEqual(['onTerminate']);
  });

  test('with a bad code generates an error, and connecting goes on', async () => {
    const server = await startPeerServer();
    const ws = new WebSocket(server.url);
    expect(() => ws.terminate(1001)).toThrow(expect.objectContaining({ code: 'ERR_INVALID_CLOSE_ARGUMENT' }));
    expect(ws.status).toBe('Connecting');
    expect(await ws.ready).toBe(ws);
  });

  test('ends TCP while the refusal of the server is still arriving', async () => {
    const server = await startRawServer();
    const handler = recordingHandler();
    const ws = new WebSocket(server.url, handler);
    const peer = await server.accept();
    peer.socket.write('HTTP/1.1 404 Not Found\r\nContent-Length: 100\r\n\r\npart of it');
    await turns();
    expect(ws.status).toBe('Connecting');
    ws.terminate();
    await handler.ended();
    await peer.ended;
    await turns();
    expect(handler.callbacks).toEqual(['onTerminate']);
  });
});

describe('the end of the worker while Connecting', () => {
  test('gives up connecting, and runs onTerminate once in the worker', async () => {
    const server = await startRawServer();
    const name = workerName();
    const handler = recordingHandler();
    const { ws } = await runInWorker(name, () => ({ ws: new WebSocket(server.url, handler) }));
    const peer = await server.accept();
    await endWorker(name);
    expect(handler.callbacks).toEqual(['onTerminate']);
    expect(await handler.ended()).toMatchObject(ABORTED);
    expect(await ws.ready).toBeNull();
    await peer.ended;
  });

  test('changes nothing after terminate()', async () => {
    const server = await startRawServer();
    const name = workerName();
    const gate = createDeferred();
    const handler = recordingHandler({ onTerminate: () => gate.promise });
    const { ws } = await runInWorker(name, () => ({ ws: new WebSocket(server.url, handler) }));
    await server.accept();
    ws.terminate();
    const ended = endWorker(name);
    await turns();
    gate.resolve();
    await ended;
    expect(handler.callbacks).toEqual(['onTerminate']);
  });

  test('changes nothing while an asynchronous onError of the failed attempt runs', async () => {
    const name = workerName();
    const gate = createDeferred();
    const handler = recordingHandler({ onError: () => gate.promise });
    const { ws } = await runInWorker(name, () => ({ ws: new WebSocket('', handler) }));
    await ws.ready;
    const ended = endWorker(name);
    await turns();
    gate.resolve();
    await ended;
    expect(handler.callbacks).toEqual(['onError', 'onTerminate']);
  });

  test('makes WebSocket.new() fail in the worker, without any callback', async () => {
    const server = await startRawServer();
    const name = workerName();
    const handler = recordingHandler();
    const errors: string[] = [];
    const outcome = createDeferred<unknown>();
    await runInWorker(name, () => {
      onErrCall(([error]) => void errors.push(error!.message));
      // The promise is not awaited, because the worker would wait for it.
      void WebSocket.new(server.url, handler).then(outcome.resolve);
    });
    const peer = await server.accept();
    await endWorker(name);
    expect(await outcome.promise).toBeNull();
    expect(errors).toEqual(['this program gave up connecting: the worker that owns the connection was killed']);
    await peer.ended;
    expect(handler.callbacks).toEqual([]);
  });
});

describe('handlers', () => {
  test.each(['dataType', 'headers'])('may have a getter for %s that throws: the error has its cause', async (name) => {
    const cause = new Error('not today');
    const handler = Object.defineProperty({}, name, { get: () => throwIt(cause) });
    const error = await errorOf(WebSocket.new('ws://127.0.0.1:1', handler));
    expect(error).toMatchObject({ code: 'ERR_INVALID_HANDLER', message: 'invalid handler: not today', cause });

    const calls = recordErrors();
    expect(await WebSocket.new('ws://127.0.0.1:1', handler)).toBeNull();
    expect(calls).toEqual([[error.item]]);
    expect(await new WebSocket('ws://127.0.0.1:1', handler).ready).toBeNull();
  });

  test('have dataType and headers read once, when the socket is made', async () => {
    const server = await startPeerServer();
    const reads: string[] = [];
    const messages: unknown[] = [];
    const got = createDeferred();
    const handler = {
      get dataType(): 'blob' {
        reads.push('dataType');
        return 'blob';
      },
      get headers(): Record<string, string> {
        reads.push('headers');
        return { 'x-a': '1' };
      },
      onMessage(_ws: unknown, { data }: { readonly data: unknown }): void {
        messages.push(data);
        got.resolve();
      },
    };
    const attempt = WebSocket.new(server.url, handler);
    expect(reads.toSorted()).toEqual(['dataType', 'headers']);
    const ws = await attempt;
    const peer = await server.accept();
    peer.send('a');
    await got.promise;
    expect(ws!.dataType).toBe('blob');
    expect(messages).toEqual([Buffer.from('a')]);
    expect(reads).toHaveLength(2);
  });
});

test('the status goes from Connecting to Connected to Closing to Closed', async () => {
  const server = await startRawServer();
  const statuses: Status[] = [];
  const handler = recordingHandler();
  const ws = new WebSocket(server.url, handler);
  statuses.push(ws.status);
  const peer = await server.open();
  await ws.ready;
  statuses.push(ws.status);
  ws.terminate();
  statuses.push(ws.status);
  await peer.frames.next();
  peer.socket.end(frame('server', '88', '03e8'));
  await handler.ended();
  statuses.push(ws.status);
  expect(statuses).toEqual(['Connecting', 'Connected', 'Closing', 'Closed']);
});
