import { describe, expect, test } from 'vitest';
import { FourDError, type Status, WebSocket } from '../../src/index.ts';
import { type RecordedCallbacks, recordingHandler, type RecordingHandler } from '../../src/testing.ts';
import { createDeferred } from '../helpers/deferred.ts';
import { recordErrors } from '../helpers/error-handlers.ts';
import { useFakeClock } from '../helpers/fake-clock.ts';
import { frame } from '../helpers/frames.ts';
import { type AcceptedPeer, startPeerServer } from '../helpers/peer.ts';
import { findClosedPort, type RawConnection, startRawServer } from '../helpers/raw-server.ts';
import { turns } from '../helpers/turns.ts';
import { type Call, watchCalls } from '../helpers/calls.ts';

const CLOSE_1000 = frame('server', '88', '03e8');

interface Connected {
  readonly ws: WebSocket<never>;
  readonly handler: RecordingHandler<unknown>;
  readonly peer: AcceptedPeer;
}

/** Connects a client to a server of the `ws` package. */
async function connect(additions: RecordedCallbacks<unknown> = {}, closeTimeoutMs = 10_000): Promise<Connected> {
  const server = await startPeerServer();
  const handler = recordingHandler(additions);
  const ws = await WebSocket.new(server.url, handler, { closeTimeoutMs });
  return { ws: ws!, handler, peer: await server.accept() };
}

interface RawlyConnected {
  readonly ws: WebSocket<never>;
  readonly handler: RecordingHandler<unknown>;
  readonly peer: RawConnection;
}

/** Connects a client to a server whose bytes the test writes by hand. */
async function connectRaw(
  additions: RecordedCallbacks<unknown> = {},
  closeTimeoutMs = 10_000,
): Promise<RawlyConnected> {
  const server = await startRawServer();
  const handler = recordingHandler(additions);
  const attempt = WebSocket.new(server.url, handler, { closeTimeoutMs });
  const peer = await server.open();
  const ws = await attempt;
  return { ws: ws!, handler, peer };
}

function text(message: string): Buffer {
  return frame('server', '81', Buffer.from(message));
}

interface Ending {
  readonly name: string;
  end(connected: Connected): void;
  readonly code: number;
  readonly reason?: string;
  readonly wasClean: boolean;
}

/** All ways in which a client that has opened can end. */
const endings: readonly Ending[] = [
  { name: 'terminate()', end: ({ ws }) => ws.terminate(), code: 1000, wasClean: true },
  {
    name: 'terminate(4000, "bye")',
    end: ({ ws }) => ws.terminate(4000, 'bye'),
    code: 4000,
    // The server answers with the same reason.
    reason: 'bye',
    wasClean: true,
  },
  {
    name: 'a close by the server',
    end: ({ peer }) => peer.socket.close(4001, 'kicked'),
    code: 4001,
    reason: 'kicked',
    wasClean: true,
  },
  { name: 'an empty close frame', end: ({ peer }) => peer.socket.close(), code: 1005, wasClean: true },
  {
    name: 'a close by both at once',
    end({ ws, peer }) {
      peer.socket.close(4002, 'me too');
      ws.terminate();
    },
    code: 4002,
    reason: 'me too',
    wasClean: true,
  },
  { name: 'a TCP connection cut', end: ({ peer }) => peer.cut(), code: 1006, wasClean: false },
  { name: 'a TCP connection reset', end: ({ peer }) => void peer.tcp!.resetAndDestroy(), code: 1006, wasClean: false },
  { name: 'an end of TCP alone', end: ({ peer }) => void peer.tcp!.end(), code: 1006, wasClean: false },
  {
    name: 'a cut right after terminate()',
    end({ ws, peer }) {
      ws.terminate();
      peer.cut();
    },
    code: 1006,
    wasClean: false,
  },
  { name: 'a frame that is none', end: ({ peer }) => void peer.tcp!.write('HTTP'), code: 1002, wasClean: false },
  {
    name: 'a text that is no UTF-8',
    end: ({ peer }) => peer.socket.send(Buffer.from('ff', 'hex'), { binary: false }),
    code: 1007,
    wasClean: false,
  },
  { name: 'a callback that throws', end: ({ peer }) => peer.send('throw'), code: 1011, wasClean: false },
  { name: 'a callback that rejects', end: ({ peer }) => peer.send('reject'), code: 1011, wasClean: false },
  {
    name: 'a peer that never answers',
    end({ ws, peer }) {
      peer.socket.pause();
      ws.terminate();
    },
    code: 1006,
    wasClean: false,
  },
];

/** Opens a socket, which gets a message and ends. Resolves when no more callback can run. */
async function live(ending: Ending): Promise<Connected & { readonly calls: readonly Call[] }> {
  const connected = await connect(
    {
      onMessage(_ws, { data }) {
        if (data === 'throw') throw new Error('on purpose');
        return data === 'reject' ? Promise.reject(new Error('on purpose')) : undefined;
      },
    },
    100,
  );
  const { handler, peer } = connected;
  const calls = watchCalls(handler);
  peer.send('hello');
  await handler.nextMessage();
  ending.end(connected);
  await handler.ended();
  if (peer.socket.readyState === peer.socket.OPEN) peer.send('late');
  connected.ws.terminate();
  await turns();
  return { ...connected, calls };
}

describe.each(endings)('$name', (ending) => {
  const { code, wasClean } = ending;
  const isError = !wasClean;

  test('4D-028 the order is onOpen, onMessage, onError in case of an error, onTerminate', async () => {
    const { handler } = await live(ending);
    const names = handler.callbacks.filter((name, i) => name !== 'onMessage' || i === 1);
    expect(names).toEqual(['onOpen', 'onMessage', ...(isError ? ['onError'] : []), 'onTerminate']);
  });

  test('4D-029 onTerminate runs exactly once', async () => {
    const { handler } = await live(ending);
    expect(handler.callbacks.filter((name) => name === 'onTerminate')).toHaveLength(1);
  });

  test('4D-030 no callback runs after onTerminate', async () => {
    const { handler, ws } = await live(ending);
    ws.send('late');
    ws.terminate();
    await turns();
    expect(handler.callbacks.at(-1)).toBe('onTerminate');
  });

  test('4D-040 inside onTerminate the status is "Closed", and stays so', async () => {
    const { calls, ws } = await live(ending);
    expect(calls.at(-1)!.status).toBe('Closed');
    expect(ws.status).toBe('Closed');
  });

  test(`4D-044 4D-045 onTerminate tells code ${code} and wasClean ${wasClean}`, async () => {
    const { handler } = await live(ending);
    const event = await handler.ended();
    expect(event).toMatchObject({ type: 'terminate', code, reason: ending.reason, wasClean });
  });

  if (!isError) return;

  test('4D-049 the event of onError has a type and one item of three fields', async () => {
    const { handler } = await live(ending);
    expect(handler.errors).toHaveLength(1);
    const [event] = handler.errors;
    expect(event!.type).toBe('error');
    expect(Array.isArray(event!.errors)).toBe(true);
    const isHost = ending.name.startsWith('a callback');
    expect(event!.errors).toEqual([
      { errCode: code, message: expect.any(String) as string, componentSignature: isHost ? 'host' : 'HTCL' },
    ]);
    expect(event!.error).toBeInstanceOf(FourDError);
    expect(event!.error.item).toEqual(event!.errors[0]);
  });
});

test('4D-029 each of many connections that end in different ways has one onTerminate', async () => {
  const server = await startPeerServer();
  const handlers = Array.from({ length: 100 }, () => recordingHandler());
  const sockets = await Promise.all(handlers.map((handler, i) => WebSocket.new(`${server.url}/${i}`, handler)));
  for (const peer of await server.peers.atLeast(sockets.length)) {
    const i = Number(peer.request.url!.slice(1));
    if (i % 3 === 0) peer.cut();
    else if (i % 3 === 1) peer.socket.close(1000);
    else sockets[i]!.terminate();
  }
  await Promise.all(handlers.map((handler) => handler.ended()));
  await turns();
  for (const [i, { callbacks }] of handlers.entries()) {
    expect(callbacks).toEqual(i % 3 === 0 ? ['onOpen', 'onError', 'onTerminate'] : ['onOpen', 'onTerminate']);
  }
});

describe('4D-031', () => {
  test('4D-031 after an error of the connection no onMessage runs', async () => {
    const { handler, peer } = await connectRaw();
    const invalid = frame('server', '81', 'ff');
    peer.socket.write(Buffer.concat([text('one'), invalid, text('two'), text('three')]));
    await handler.nextMessage();
    peer.socket.write(text('four'));
    await peer.ended;
    peer.socket.end(text('five'));
    await handler.ended();
    expect(handler.callbacks).toEqual(['onOpen', 'onMessage', 'onError', 'onTerminate']);
    expect(handler.messages).toEqual(['one']);
  });

  test('4D-031 after an error in a callback no onMessage runs, not even for messages that wait', async () => {
    const gate = createDeferred();
    const { handler, peer } = await connectRaw({
      async onMessage() {
        await gate.promise;
        throw new Error('on purpose');
      },
    });
    peer.socket.write(Buffer.concat([text('one'), text('two'), text('three')]));
    await handler.nextMessage();
    await turns();
    gate.resolve();
    await peer.ended;
    peer.socket.end(text('four'));
    await handler.ended();
    expect(handler.callbacks).toEqual(['onOpen', 'onMessage', 'onError', 'onTerminate']);
  });

  test('4D-031 messages that came before an error are delivered before onError', async () => {
    const { handler, peer } = await connectRaw({ onMessage: () => turns(3) });
    peer.socket.write(Buffer.concat([text('one'), text('two'), text('three'), frame('server', '81', 'ff')]));
    await peer.ended;
    peer.socket.end();
    await handler.ended();
    expect(handler.callbacks).toEqual(['onOpen', 'onMessage', 'onMessage', 'onMessage', 'onError', 'onTerminate']);
  });
});

test('4D-032 callbacks run with the handler as this', async () => {
  const server = await startPeerServer();
  const handler = recordingHandler();
  const calls = watchCalls(handler);
  await WebSocket.new(server.url, handler);
  const peer = await server.accept();
  peer.send('hello');
  await handler.nextMessage();
  peer.cut();
  await handler.ended();
  expect(calls.map(({ name }) => name)).toEqual(['onOpen', 'onMessage', 'onError', 'onTerminate']);
  for (const { name, self } of calls) expect(self, name).toBe(handler);
});

test('4D-032 the callbacks of a class reach its private fields, in asynchronous code too', async () => {
  const server = await startPeerServer();
  const ended = createDeferred<string[]>();
  class Handler {
    readonly #log: string[] = [];
    onOpen(): void {
      this.#log.push('open');
    }
    async onMessage(_ws: WebSocket, event: { readonly data: string }): Promise<void> {
      await turns(2);
      this.#log.push(event.data);
    }
    onTerminate(): void {
      ended.resolve(this.#log);
    }
  }
  await WebSocket.new(server.url, new Handler());
  const peer = await server.accept();
  peer.send('hello');
  peer.socket.close();
  expect(await ended.promise).toEqual(['open', 'hello']);
});

test('4D-033 terminate() makes the peer see close code 1000', async () => {
  const { ws, peer } = await connect();
  ws.terminate();
  expect(await peer.closed).toEqual({ code: 1000, reason: '' });
});

test('4D-033 what was sent before terminate() arrives before the close', async () => {
  const { ws, peer } = await connect();
  ws.send('one');
  ws.send(Buffer.alloc(300_000, 2));
  ws.send('three');
  ws.terminate();
  expect(await peer.closed).toEqual({ code: 1000, reason: '' });
  expect(peer.messages.all.map(({ bytes }) => bytes.length)).toEqual([3, 300_000, 5]);
});

test('4D-034 terminate(1000, "bye") makes the peer see 1000 and "bye"', async () => {
  const { ws, peer } = await connect();
  ws.terminate(1000, 'bye');
  expect(await peer.closed).toEqual({ code: 1000, reason: 'bye' });
});

test.each([
  [3000, 'x'],
  [4999, 'y'],
])('4D-035 terminate(%i, "%s") makes the peer see that code and reason', async (code, reason) => {
  const { ws, peer } = await connect();
  ws.terminate(code, reason);
  expect(await peer.closed).toEqual({ code, reason });
});

test('4D-036 terminate(3500) without a reason is accepted, and the peer sees an empty reason', async () => {
  const { ws, peer } = await connect();
  ws.terminate(3500);
  expect(ws.status).toBe('Closing');
  expect(await peer.closed).toEqual({ code: 3500, reason: '' });
});

test.each([1001, 2999, 5000, 1000.5, 0, -1000, 1005, 1006, NaN, Infinity, '1000', null, 1000n])(
  '4D-037 terminate(%s) generates an error, and the socket stays open',
  async (code) => {
    const { ws, peer, handler } = await connect();
    expect(() => ws.terminate(code as number)).toThrow(FourDError);
    expect(ws.status).toBe('Connected');

    const calls = recordErrors();
    ws.terminate(code as number, 'reason');
    expect(calls).toEqual([[{ errCode: -20_011, message: expect.any(String) as string, componentSignature: 'HTCL' }]]);
    expect(ws.status).toBe('Connected');

    ws.send('still there');
    expect(await peer.nextText()).toBe('still there');
    expect(peer.hasClosed).toBe(false);
    expect(handler.callbacks).toEqual(['onOpen']);
  },
);

test('4D-037 a reason that is not a string generates an error too', async () => {
  const { ws } = await connect();
  expect(() => ws.terminate(1000, 5 as unknown as string)).toThrow(FourDError);
  expect(() => ws.terminate(1000, null as unknown as string)).toThrow(FourDError);
  expect(ws.status).toBe('Connected');
});

test('4D-038 right after terminate() the status is "Closing"', async () => {
  const { ws, handler } = await connect();
  ws.terminate();
  expect(ws.status).toBe('Closing');
  await handler.ended();
  expect(ws.status).toBe('Closed');
});

test('4D-038 right after terminate() inside onOpen the status is "Closing"', async () => {
  const server = await startPeerServer();
  const statuses: Status[] = [];
  const handler = recordingHandler({
    onOpen(socket) {
      socket.terminate();
      statuses.push(socket.status);
    },
  });
  const ws = await WebSocket.new(server.url, handler);
  statuses.push(ws!.status);
  await handler.ended();
  expect(statuses).toEqual(['Closing', 'Closing']);
  expect(handler.callbacks).toEqual(['onOpen', 'onTerminate']);
});

describe('4D-039', () => {
  test('4D-039 onTerminate does not run inside the terminate() call', async () => {
    const { ws, handler } = await connect();
    ws.terminate();
    expect(handler.callbacks).toEqual(['onOpen']);
    await handler.ended();
    expect(handler.callbacks).toEqual(['onOpen', 'onTerminate']);
  });

  test('4D-039 onTerminate does not run inside a terminate() call of onOpen or onMessage', async () => {
    const during: (readonly string[])[] = [];
    const server = await startPeerServer();
    const handler: RecordingHandler<unknown> = recordingHandler({
      onOpen(ws) {
        ws.terminate();
        during.push(handler.callbacks);
      },
    });
    await WebSocket.new(server.url, handler);
    await handler.ended();

    const connected = await connect({
      onMessage(ws) {
        ws.terminate();
        during.push(connected.handler.callbacks);
      },
    });
    connected.peer.send('hello');
    await connected.handler.ended();
    expect(during).toEqual([['onOpen'], ['onOpen', 'onMessage']]);
  });

  test('4D-039 onTerminate does not run inside a terminate() call while Connecting', async () => {
    const server = await startRawServer();
    const handler = recordingHandler();
    const ws = new WebSocket(server.url, handler);
    await server.accept();
    ws.terminate();
    expect(ws.status).toBe('Closing');
    expect(handler.callbacks).toEqual([]);
    expect(await handler.ended()).toMatchObject({ code: 1006, wasClean: false });
    expect(await ws.ready).toBeNull();
  });

  test('4D-039 onTerminate does not run inside a terminate() call after the connection was lost', async () => {
    const { ws, handler, peer } = await connect({ onError: (socket) => socket.terminate() });
    peer.cut();
    await handler.ended();
    ws.terminate();
    expect(handler.callbacks).toEqual(['onOpen', 'onError', 'onTerminate']);
  });
});

test('4D-041 a server that closes with (4001, "kicked") gives code 4001, reason "kicked" and no onError', async () => {
  const { handler, peer } = await connect();
  peer.socket.close(4001, 'kicked');
  expect(await handler.ended()).toMatchObject({ type: 'terminate', code: 4001, reason: 'kicked', wasClean: true });
  expect(handler.callbacks).toEqual(['onOpen', 'onTerminate']);
});

test.each([1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 3000, 4999])(
  '4D-041 a close frame with code %i is no error either, and is answered with the same code',
  async (code) => {
    const { handler, peer } = await connect();
    peer.socket.close(code, 'because');
    expect(await handler.ended()).toMatchObject({ type: 'terminate', code, reason: 'because', wasClean: true });
    expect(handler.callbacks).toEqual(['onOpen', 'onTerminate']);
    expect((await peer.closed).code).toBe(code);
  },
);

test('4D-042 a server that closes with an empty close frame gives code 1005, no reason and no onError', async () => {
  const { handler, peer } = await connect();
  peer.socket.close();
  const event = await handler.ended();
  expect(event.code).toBe(1005);
  expect(event.reason).toBeUndefined();
  expect(handler.callbacks).toEqual(['onOpen', 'onTerminate']);
});

test('4D-043 TCP cut without a close frame runs onError with one item, then onTerminate with code 1006', async () => {
  const { handler, peer } = await connect();
  peer.cut();
  expect((await handler.ended()).code).toBe(1006);
  expect(handler.callbacks).toEqual(['onOpen', 'onError', 'onTerminate']);
  expect(handler.errors[0]!.errors).toEqual([
    { errCode: 1006, message: expect.any(String) as string, componentSignature: 'HTCL' },
  ]);
});

test('4D-044 wasClean is true after terminate() and after a close by the server, false after a cut', async () => {
  const left = await connect();
  left.ws.terminate();
  expect((await left.handler.ended()).wasClean).toBe(true);
  const kicked = await connect();
  kicked.peer.socket.close(4001, 'kicked');
  expect((await kicked.handler.ended()).wasClean).toBe(true);
  const cut = await connect();
  cut.peer.cut();
  expect((await cut.handler.ended()).wasClean).toBe(false);
});

test.each([1000, 3000, 4999])('4D-045 event.code is an integer from 0 to 65535, here %i', async (code) => {
  const { handler, ws } = await connect();
  ws.terminate(code);
  const event = await handler.ended();
  expect(Number.isInteger(event.code)).toBe(true);
  expect(event.code).toBeGreaterThanOrEqual(0);
  expect(event.code).toBeLessThanOrEqual(65_535);
  expect(event.code).toBe(code);
});

describe('4D-046', () => {
  test('4D-046 a second terminate() has no effect and generates no error', async () => {
    const { ws, handler, peer } = await connect();
    const calls = recordErrors();
    ws.terminate(4000, 'first');
    ws.terminate(4001, 'second');
    ws.terminate(1);
    expect(ws.status).toBe('Closing');
    expect(await peer.closed).toEqual({ code: 4000, reason: 'first' });
    await handler.ended();
    ws.terminate();
    expect(ws.status).toBe('Closed');
    await turns();
    expect(handler.callbacks).toEqual(['onOpen', 'onTerminate']);
    expect(calls).toEqual([]);
  });

  test('4D-046 a second terminate() sends no second close frame', async () => {
    const { ws, peer } = await connectRaw();
    ws.terminate(4000);
    ws.terminate(4001);
    await peer.frames.next();
    ws.terminate(4002);
    await turns();
    expect(peer.frames.all).toEqual(['88 0fa0']);
  });

  test('4D-046 terminate() inside onError and onTerminate has no effect', async () => {
    const { handler, peer } = await connect({
      onError: (ws) => ws.terminate(4000),
      onTerminate: (ws) => ws.terminate(4001),
    });
    peer.cut();
    expect((await handler.ended()).code).toBe(1006);
    await turns();
    expect(handler.callbacks).toEqual(['onOpen', 'onError', 'onTerminate']);
  });
});

describe('4D-047', () => {
  test('4D-047 no onMessage runs after terminate() for messages in the same packet', async () => {
    const { handler, peer } = await connectRaw({ onMessage: (ws) => ws.terminate() });
    peer.socket.write(Buffer.concat([text('one'), text('two'), text('three'), CLOSE_1000]));
    await peer.frames.next();
    peer.socket.end();
    expect(await handler.ended()).toMatchObject({ code: 1000, wasClean: true });
    expect(handler.messages).toEqual(['one']);
  });

  test('4D-047 no onMessage runs after terminate() for messages that arrive before the answer', async () => {
    const { ws, handler, peer } = await connectRaw();
    ws.terminate();
    await peer.frames.next();
    peer.socket.write(Buffer.concat([text('one'), frame('server', '82', '0102'), frame('server', '01', '61')]));
    peer.socket.end(Buffer.concat([frame('server', '80', '62'), CLOSE_1000]));
    expect(await handler.ended()).toMatchObject({ code: 1000, wasClean: true });
    expect(handler.callbacks).toEqual(['onOpen', 'onTerminate']);
  });

  test('4D-047 no onMessage runs after terminate() for messages that wait behind an asynchronous callback', async () => {
    const gate = createDeferred();
    const { ws, handler, peer } = await connect({ onMessage: () => gate.promise });
    for (let i = 0; i < 100; i++) peer.send(`message ${i}`);
    await handler.nextMessage();
    await turns();
    ws.terminate();
    gate.resolve();
    expect(await handler.ended()).toMatchObject({ code: 1000, wasClean: true });
    expect(handler.messages).toEqual(['message 0']);
    expect(await peer.closed).toEqual({ code: 1000, reason: '' });
  });

  test('4D-047 no onMessage runs when onOpen terminates and the server has sent data with its answer', async () => {
    const server = await startRawServer();
    const handler = recordingHandler({ onOpen: (ws) => ws.terminate() });
    const attempt = WebSocket.new(server.url, handler);
    const peer = await server.accept();
    peer.socket.write(Buffer.concat([Buffer.from(peer.answer()), text('early'), text('bird')]));
    await attempt;
    await peer.frames.next();
    peer.socket.end(CLOSE_1000);
    expect(await handler.ended()).toMatchObject({ code: 1000, wasClean: true });
    expect(handler.callbacks).toEqual(['onOpen', 'onTerminate']);
  });
});

describe('4D-048', () => {
  test('4D-048 a peer that never answers the close frame leads to onTerminate with code 1006', async () => {
    const { ws, handler, peer } = await connectRaw({}, 100);
    ws.terminate();
    expect(await handler.ended()).toMatchObject({
      type: 'terminate',
      code: 1006,
      reason: undefined,
      wasClean: false,
    });
    await peer.ended;
    expect(ws.status).toBe('Closed');
  });

  test('4D-048 the peer has 10 seconds by default', async () => {
    const clock = useFakeClock();
    const { ws, handler, peer } = await connectRaw();
    ws.terminate();
    await peer.frames.next();
    await clock.advance(9_900);
    expect(handler.callbacks).toEqual(['onOpen']);
    await clock.advance(200);
    expect((await handler.ended()).code).toBe(1006);
  });

  test('4D-048 a peer that keeps sending instead of answering does not get more time', async () => {
    const { ws, handler, peer } = await connectRaw({}, 100);
    ws.terminate();
    while (!handler.callbacks.includes('onTerminate')) {
      peer.socket.write(text('more'));
      await turns(1);
    }
    expect((await handler.ended()).code).toBe(1006);
    expect(handler.callbacks).toEqual(['onOpen', 'onError', 'onTerminate']);
  });

  test('4D-048 a peer that answers and keeps TCP open does not delay the end, which is clean', async () => {
    const { ws, handler, peer } = await connectRaw({}, 100);
    ws.terminate(4000, 'bye');
    await peer.frames.next();
    peer.socket.write(frame('server', '88', '0fa0'));
    expect(await handler.ended()).toMatchObject({
      type: 'terminate',
      code: 4000,
      reason: undefined,
      wasClean: true,
    });
    expect(handler.callbacks).toEqual(['onOpen', 'onTerminate']);
  });

  test('4D-048 the deadline passes also while reading is paused', async () => {
    const gate = createDeferred();
    const { ws, handler, peer } = await connectRaw({ onMessage: () => gate.promise }, 100);
    for (let i = 0; i < 100; i++) peer.socket.write(text(`message ${i}`));
    await handler.nextMessage();
    ws.terminate();
    await peer.ended;
    gate.resolve();
    expect((await handler.ended()).code).toBe(1006);
    expect(handler.messages).toEqual(['message 0']);
  });
});

test('4D-049 the error of a refused connection attempt has the same form', async () => {
  const handler = recordingHandler();
  const ws = new WebSocket(`ws://127.0.0.1:${await findClosedPort()}/`, handler);
  await ws.ready;
  await handler.ended();
  const [event] = handler.errors;
  expect(event).toMatchObject({ type: 'error' });
  expect(event!.errors).toEqual([{ errCode: 1006, message: expect.any(String) as string, componentSignature: 'HTCL' }]);
});
