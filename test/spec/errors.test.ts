import { afterEach, beforeEach, describe, expect, type MockInstance, onTestFinished, test, vi } from 'vitest';
import {
  callWorker,
  currentProcessName,
  ek,
  type ErrorItem,
  FourDError,
  lastErrors,
  onErrCall,
  throwError,
  tryExpr,
  WebServer,
  WebSocket,
  WebSocketServer,
} from '../../src/index.ts';
import { type RecordedCallbacks, recordingHandler, type RecordingHandler } from '../../src/testing.ts';
import { createDeferred } from '../helpers/deferred.ts';
import { recordErrors } from '../helpers/error-handlers.ts';
import { frame } from '../helpers/frames.ts';
import { startLibraryServer } from '../helpers/library-server.ts';
import { connectPeer, startPeerServer } from '../helpers/peer.ts';
import { closePayload, RawClient } from '../helpers/raw-client.ts';
import { findClosedPort, startRawServer } from '../helpers/raw-server.ts';
import { turns } from '../helpers/turns.ts';
import { runInWorker, workerName } from '../helpers/workers.ts';

async function refusedUrl(): Promise<string> {
  return `ws://127.0.0.1:${await findClosedPort()}/`;
}

const refusedItem = {
  errCode: 1006,
  message: expect.stringContaining('ECONNREFUSED') as string,
  componentSignature: 'HTCL',
};

describe('error handlers', () => {
  test('4D-163 onErrCall(fn) catches errors of the current worker only', async () => {
    const [one, two] = [workerName(), workerName()];
    const calls: ErrorItem[][] = [];
    const install = (): void => onErrCall((errors) => calls.push([...errors]));
    await runInWorker(one, install);
    expect(await runInWorker(one, () => throwError(-1, 'in one'))).toBeUndefined();
    await expect(runInWorker(two, () => throwError(-2, 'in two'))).rejects.toThrow('in two');
    expect(() => throwError(-3, 'in the main process')).toThrow('in the main process');
    expect(calls).toEqual([[{ errCode: -1, message: 'in one', componentSignature: 'host' }]]);
  });

  test('4D-163 onErrCall(fn) of the main process catches nothing of a worker', async () => {
    const calls = recordErrors();
    const name = workerName();
    await expect(runInWorker(name, () => throwError(-1, 'in a worker'))).rejects.toThrow('in a worker');
    expect(calls).toEqual([]);
    throwError(-2, 'in the main process');
    expect(calls).toEqual([[{ errCode: -2, message: 'in the main process', componentSignature: 'host' }]]);
  });

  test('4D-163 onErrCall(fn, ek.global) catches errors of all workers, each in its own worker', async () => {
    const seen: string[] = [];
    onErrCall(([item]) => seen.push(`${item!.message} ${currentProcessName()}`), ek.global);
    onTestFinished(() => onErrCall(null, ek.global));
    const names = [workerName(), workerName()];
    for (const name of names) await runInWorker(name, () => throwError(-1, 'of a worker'));
    throwError(-1, 'of main');
    expect(seen).toEqual([`of a worker ${names[0]}`, `of a worker ${names[1]}`, 'of main Main process']);
  });

  test('4D-163 onErrCall(fn, ek.global) can be called in a worker, and stays when the worker ends', async () => {
    const name = workerName();
    const calls = await runInWorker(name, () => {
      const list: ErrorItem[][] = [];
      onErrCall((errors) => list.push([...errors]), ek.global);
      return list;
    });
    onTestFinished(() => onErrCall(null, ek.global));
    throwError(-1, 'of main');
    expect(calls).toHaveLength(1);
  });

  test('4D-163 a local handler hides the global one', async () => {
    const name = workerName();
    const global = recordErrors(ek.global);
    const local: ErrorItem[][] = [];
    await runInWorker(name, () => onErrCall((errors) => local.push([...errors]), ek.local));
    await runInWorker(name, () => throwError(-1, 'in the worker'));
    expect([local.length, global.length]).toEqual([1, 0]);
    throwError(-1, 'of main');
    expect([local.length, global.length]).toEqual([1, 1]);
  });
});

test.each([null, ''] as const)('4D-164 onErrCall(%j) removes the handler', async (nothing) => {
  const name = workerName();
  const global = recordErrors(ek.global);
  await runInWorker(name, () => {
    const local: unknown[] = [];
    onErrCall((errors) => local.push(errors));
    throwError(-1, 'to the local one');
    onErrCall(nothing);
    throwError(-1, 'to the global one');
    expect([local.length, global.length]).toEqual([1, 1]);
    onErrCall(nothing, ek.global);
    expect(() => throwError(-1, 'to nobody')).toThrow(FourDError);
    expect([local.length, global.length]).toEqual([1, 1]);
  });
});

test('4D-165 when the handler returns, the failing call gives null and the code goes on', async () => {
  const calls = recordErrors();
  const url = await refusedUrl();
  const peers = await startPeerServer();
  const log: unknown[] = [
    await WebSocket.new(url),
    WebSocketServer.new({ onConnection: () => null }, { webServer: new WebServer() }),
    throwError(-1, 'mine'),
  ];
  expect(log).toEqual([null, null, undefined]);
  const ws = await WebSocket.new(peers.url);
  expect(ws!.send(undefined as never)).toBe('dropped');
  expect(ws!.terminate(1)).toBeUndefined();
  expect(callWorker('', () => {})).toBeUndefined();
  expect(calls.map(([item]) => item!.errCode)).toEqual([1006, -20001, -1, -20010, -20011, -20013]);
  ws!.terminate();
});

test('4D-166 lastErrors() inside the handler gives the items; outside any error it is null', async () => {
  const name = workerName();
  const url = await refusedUrl();
  expect(lastErrors()).toBeNull();
  await runInWorker(name, async () => {
    const seen: unknown[] = [];
    onErrCall((errors) => seen.push(lastErrors(), errors));
    expect(lastErrors()).toBeNull();
    await WebSocket.new(url);
    expect(seen).toEqual([[refusedItem], [refusedItem]]);
    expect(lastErrors()).toBeNull();
  });
  expect(lastErrors()).toBeNull();
});

test('4D-166 lastErrors() inside the global handler gives the items', () => {
  const seen: unknown[] = [];
  onErrCall(() => seen.push(lastErrors()), ek.global);
  onTestFinished(() => onErrCall(null, ek.global));
  throwError(-7, 'mine');
  expect(seen).toEqual([[{ errCode: -7, message: 'mine', componentSignature: 'host' }]]);
  expect(lastErrors()).toBeNull();
});

test('4D-167 tryExpr around a failing WebSocket.new gives null or undefined, calls no handler and leaves the items', async () => {
  const url = await refusedUrl();
  const local = recordErrors();
  const global = recordErrors(ek.global);
  const value = await tryExpr(() => WebSocket.new(url));
  expect(value ?? null).toBeNull();
  expect(lastErrors()).toEqual([refusedItem]);
  expect([local.length, global.length]).toEqual([0, 0]);
  expect(tryExpr(() => 42)).toBe(42);
  expect(lastErrors()).toBeNull();
});

test('4D-167 tryExpr without any handler raises nothing', async () => {
  const url = await refusedUrl();
  const name = workerName();
  await runInWorker(name, async () => {
    expect((await tryExpr(() => WebSocket.new(url))) ?? null).toBeNull();
    expect(lastErrors()).toEqual([refusedItem]);
  });
});

/** The other end of a connection, whose frames the test writes by hand. */
interface RawEnd {
  nextFrame(): Promise<string>;
  sendText(text: string): void;
  sendClose(code: number): void;
  /** Sends a frame with the wrong mask bit, which runs onError. */
  sendBadFrame(): void;
  /** Ends TCP, and waits until the library has ended its side. */
  end(): Promise<void>;
}

/** The side of the connection that the failing handler is on. */
interface Side {
  readonly name: string;
  /** Connects a handler of the library with a peer. */
  connect(handler: RecordingHandler<unknown>): Promise<RawEnd>;
}

const connectionSide: Side = {
  name: 'connection',
  async connect(handler) {
    const { web } = await startLibraryServer(() => handler);
    const client = await RawClient.open(web.HTTPPort);
    return {
      nextFrame: () => client.nextFrame(),
      sendText: (text) => client.sendText(text),
      sendClose: (code) => client.sendClose(code),
      sendBadFrame: () => void client.socket.write(frame('server', '81', '61')),
      async end() {
        client.socket.end();
        await client.closed;
      },
    };
  },
};

const clientSide: Side = {
  name: 'client',
  async connect(handler) {
    const server = await startRawServer();
    void new WebSocket(server.url, handler);
    const connection = await server.open();
    return {
      nextFrame: () => connection.frames.next(),
      sendText: (text) => void connection.socket.write(frame('server', '81', Buffer.from(text))),
      sendClose: (code) => void connection.socket.write(frame('server', '88', closePayload(code))),
      sendBadFrame: () => void connection.socket.write(frame('client', '81', '61')),
      async end() {
        connection.socket.end();
        await connection.closed;
      },
    };
  },
};

/** Ways in which a callback fails. */
const FAILURES: readonly { readonly how: string; readonly fail: () => unknown }[] = [
  {
    how: 'a throw',
    fail: () => {
      throw new Error('secret detail');
    },
  },
  {
    how: 'a rejection',
    fail: async () => {
      await turns(1);
      throw new Error('secret detail');
    },
  },
];

const failedItem = (callback: string): ErrorItem => ({
  errCode: 1011,
  message: `${callback} failed: secret detail`,
  componentSignature: 'host',
});

describe('failing callbacks', () => {
  let printed: MockInstance<typeof console.error>;
  const unhandled = vi.fn();

  beforeEach(() => {
    printed = vi.spyOn(console, 'error').mockImplementation(() => {});
    process.on('unhandledRejection', unhandled);
  });

  afterEach(() => {
    printed.mockRestore();
    process.off('unhandledRejection', unhandled);
    expect(unhandled).not.toHaveBeenCalled();
  });

  /** Records where reports go: to the error handlers that are installed, or to the console. */
  function watchReports(installed: 'local' | 'global' | 'both' | 'none'): () => Record<string, unknown[]> {
    const local = installed === 'local' || installed === 'both' ? recordErrors() : [];
    const global = installed === 'global' || installed === 'both' ? recordErrors(ek.global) : [];
    return () => ({
      local: local.flat(),
      global: global.flat(),
      console: printed.mock.calls.map(([error]) => (error as FourDError).item),
    });
  }

  const nothing = { local: [], global: [], console: [] };

  for (const side of [connectionSide, clientSide]) {
    for (const { how, fail } of FAILURES) {
      for (const callback of ['onOpen', 'onMessage'] as const) {
        test(`4D-168 ${how} in ${callback} of a ${side.name}: onError with one item, close 1011 without detail, onTerminate`, async () => {
          const reports = watchReports('both');
          const handler = recordingHandler({ [callback]: fail });
          const peer = await side.connect(handler);
          peer.sendText('one');
          peer.sendText('two');
          // The close frame holds only the code.
          expect(await peer.nextFrame()).toBe('88 03f3');
          await peer.end();
          expect(await handler.ended()).toMatchObject({
            type: 'terminate',
            code: 1011,
            reason: undefined,
            wasClean: false,
          });
          expect(handler.callbacks).toEqual(
            callback === 'onOpen'
              ? ['onOpen', 'onError', 'onTerminate']
              : ['onOpen', 'onMessage', 'onError', 'onTerminate'],
          );
          expect(handler.errors[0]!.errors).toEqual([failedItem(callback)]);
          expect(handler.errors[0]!.error.cause).toEqual(new Error('secret detail'));
          expect(reports()).toEqual(nothing);
        });

        test.each(['local', 'global', 'both', 'none'] as const)(
          `4D-168 ${how} in ${callback} of a ${side.name} without onError is reported once (error handlers: %s)`,
          async (installed) => {
            const reports = watchReports(installed);
            const handler = recordingHandler({ [callback]: fail });
            Object.defineProperty(handler, 'onError', { value: undefined });
            const peer = await side.connect(handler);
            peer.sendText('one');
            expect(await peer.nextFrame()).toBe('88 03f3');
            await peer.end();
            await handler.ended();
            const receiver = { local: 'local', both: 'local', global: 'global', none: 'console' }[installed];
            expect(reports()).toEqual({ ...nothing, [receiver]: [failedItem(callback)] });
          },
        );
      }

      test.each(['local', 'global', 'both', 'none'] as const)(
        `4D-168 ${how} in onError of a ${side.name} is reported, and onTerminate follows (error handlers: %s)`,
        async (installed) => {
          const reports = watchReports(installed);
          const handler = recordingHandler({ onError: fail });
          const peer = await side.connect(handler);
          peer.sendBadFrame();
          expect(await peer.nextFrame()).toBe('88 03ea');
          await peer.end();
          expect(await handler.ended()).toMatchObject({ code: 1002 });
          expect(handler.callbacks).toEqual(['onOpen', 'onError', 'onTerminate']);
          const receiver = { local: 'local', both: 'local', global: 'global', none: 'console' }[installed];
          expect(reports()).toEqual({ ...nothing, [receiver]: [failedItem('onError')] });
        },
      );

      test.each(['local', 'global', 'both', 'none'] as const)(
        `4D-168 ${how} in onTerminate of a ${side.name} is reported (error handlers: %s)`,
        async (installed) => {
          const reports = watchReports(installed);
          const handler = recordingHandler({ onTerminate: fail });
          const peer = await side.connect(handler);
          await handler.opened();
          peer.sendClose(4000);
          expect(await peer.nextFrame()).toBe('88 0fa0');
          await peer.end();
          await handler.ended();
          await turns();
          expect(handler.callbacks).toEqual(['onOpen', 'onTerminate']);
          const receiver = { local: 'local', both: 'local', global: 'global', none: 'console' }[installed];
          expect(reports()).toEqual({ ...nothing, [receiver]: [failedItem('onTerminate')] });
        },
      );
    }
  }

  test('4D-168 the server and all other connections are untouched', async () => {
    const reports = watchReports('none');
    const failures = (['onOpen', 'onMessage', 'onError', 'onTerminate'] as const).flatMap((callback) =>
      FAILURES.map(({ fail }): RecordedCallbacks<unknown> => ({ [callback]: fail })),
    );
    const handlers = failures.map((additions) => recordingHandler(additions));
    const echo = recordingHandler({ onMessage: (ws, { data: text }) => ws.send(`echo ${text}`) });
    const serverCalls: string[] = [];
    const { web, wss, url } = await startLibraryServer({
      onConnection: (_, { request }) => handlers[Number(request.query.n)] ?? echo,
      onError: () => void serverCalls.push('onError'),
      onTerminate: () => void serverCalls.push('onTerminate'),
    });
    const bystander = await connectPeer(url);
    for (const [n, handler] of handlers.entries()) {
      const client = await RawClient.open(web.HTTPPort, { path: `/?n=${n}` });
      client.sendText('hello');
      // The unmasked frame runs onError, unless onOpen or onMessage has failed already.
      client.socket.write(frame('server', '81', '61'));
      await client.nextFrame();
      client.socket.end();
      await client.closed;
      await handler.ended();
      await turns();
      bystander.send(`after ${n}`);
      expect(await bystander.nextText()).toBe(`echo after ${n}`);
      expect(wss.connections.length).toBe(1);
    }
    const latecomer = await connectPeer(url);
    latecomer.send('late');
    expect(await latecomer.nextText()).toBe('echo late');
    expect(bystander.hasClosed).toBe(false);
    expect(wss.terminated).toBe(false);
    expect(serverCalls).toEqual([]);
    // Failures of onError and onTerminate are reported. The other failures went to onError.
    expect(reports()).toEqual({
      ...nothing,
      console: ['onError', 'onError', 'onTerminate', 'onTerminate'].map(failedItem),
    });
  });

  test('4D-168 a failure in a worker is reported to the error handler of that worker', async () => {
    const mainReports = watchReports('both');
    const name = workerName();
    const peers = await startPeerServer();
    const reported = createDeferred<unknown[]>();
    await runInWorker(name, async () => {
      onErrCall((errors) => reported.resolve([currentProcessName(), lastErrors(), errors]));
      await WebSocket.new(peers.url, { onTerminate: FAILURES[1]!.fail });
    });
    const peer = await peers.accept();
    peer.socket.close(1000);
    const items = [failedItem('onTerminate')];
    expect(await reported.promise).toEqual([name, items, items]);
    expect(mainReports()).toEqual(nothing);
  });

  test('4D-168 any thrown value is passed on', async () => {
    const reports = watchReports('none');
    const values = [undefined, null, 0, 'text', Symbol('s'), Object.create(null) as object, () => 'f'];
    const { url, wss } = await startLibraryServer((_, { request }) => ({
      onMessage() {
        throw values[Number(request.query.n)];
      },
    }));
    for (const n of values.keys()) {
      const peer = await connectPeer(`${url}/?n=${n}`);
      peer.send('hello');
      expect(await peer.closed).toEqual({ code: 1011, reason: '' });
    }
    const { console: items } = reports();
    expect(items).toHaveLength(values.length);
    for (const item of items!) expect(item).toMatchObject({ errCode: 1011, componentSignature: 'host' });
    expect(wss.terminated).toBe(false);
  });
});

describe('what is no function, and what is no FourDError', () => {
  const NO_FUNCTIONS: readonly (readonly [what: string, make: () => unknown])[] = [
    ['a name', () => 'OnError'],
    ['undefined', () => undefined],
    ['an object', () => ({})],
    ['a number', () => 1],
    // As in Try(4D.WebSocket.new(…)), ported word by word: the rejection must not end the process.
    ['a promise that rejects', () => Promise.reject(new Error('late'))],
  ];

  test.each(NO_FUNCTIONS)(
    '4D-212 onErrCall() with %s is ERR_INVALID_ARGUMENT, and the handler stays',
    async (_, make) => {
      expect(() => onErrCall(make() as null)).toThrow(
        expect.objectContaining({ code: 'ERR_INVALID_ARGUMENT', errCode: -20_016 }) as Error,
      );
      const calls = recordErrors();
      expect(onErrCall(make() as null)).toBeUndefined();
      expect(calls).toEqual([
        [{ errCode: -20_016, message: expect.stringContaining('onErrCall()') as string, componentSignature: 'host' }],
      ]);
      throwError(-1, 'the handler is still there');
      expect(calls).toHaveLength(2);
      await turns(2);
    },
  );

  test.each(NO_FUNCTIONS)('4D-212 tryExpr() and callWorker() with %s are ERR_INVALID_ARGUMENT', async (_, make) => {
    const invalid = expect.objectContaining({ code: 'ERR_INVALID_ARGUMENT', errCode: -20_016 }) as Error;
    expect(() => tryExpr(make() as () => void)).toThrow(invalid);
    expect(() => callWorker('W', make() as () => void)).toThrow(invalid);
    // No error of the call is kept by the call itself, but one around it keeps it.
    expect(lastErrors()).toBeNull();
    expect(tryExpr(() => tryExpr(make() as () => void))).toBeUndefined();
    expect(lastErrors()).toEqual([expect.objectContaining({ errCode: -20_016 })]);
    tryExpr(() => {});
    const calls = recordErrors();
    expect(callWorker('W', make() as () => void)).toBeUndefined();
    expect(calls).toHaveLength(1);
    await turns(2);
  });

  test("4D-212 onErrCall(null) and onErrCall('') stay the way to remove a handler", () => {
    const calls = recordErrors();
    onErrCall('');
    onErrCall(null);
    expect(() => throwError(-1, 'nobody takes it')).toThrow(FourDError);
    expect(calls).toEqual([]);
  });

  const mine = new FourDError('ERR_INVALID_URL', 'mine');
  const THROWN: readonly (readonly [what: string, value: unknown, errCode: number, message: string])[] = [
    ['an Error', new Error('broken'), -1, 'broken'],
    ['a text', 'broken', -1, 'broken'],
    ['undefined', undefined, -1, 'undefined'],
    ['a FourDError', mine, -20_006, 'mine'],
  ];

  test.each(THROWN)(
    '4D-212 %s that is thrown within tryExpr() or a message of a worker',
    async (_, value, errCode, message) => {
      for (const fail of [() => Promise.reject(value), () => throwValue(value)]) {
        expect(await tryExpr(fail)).toBeUndefined();
        expect(lastErrors()).toMatchObject([{ errCode, message }]);
        const calls = recordErrors(ek.global);
        const name = workerName();
        callWorker(name, fail);
        await runInWorker(name, () => {});
        expect(calls).toMatchObject([[{ errCode, message: `worker ${name} failed: ${message}` }]]);
      }
    },
  );

  test.each(THROWN)(
    '4D-212 %s that a callback of a socket throws has errCode 1011',
    async (_, value, _errCode, message) => {
      const server = await startPeerServer();
      const handler = recordingHandler({ onOpen: () => throwValue(value) });
      const ws = new WebSocket(server.url, handler);
      await ws.ready;
      await handler.ended();
      expect(handler.errors[0]!.errors).toMatchObject([{ errCode: 1011, message: `onOpen failed: ${message}` }]);
    },
  );
});

function throwValue(value: unknown): never {
  throw value;
}
