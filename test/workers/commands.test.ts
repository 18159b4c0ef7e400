import { execFile } from 'node:child_process';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterEach, describe, expect, test, vi } from 'vitest';
import {
  callWorker,
  currentProcessName,
  ek,
  type FourDError,
  killWorker,
  onErrCall,
  processVariables,
  throwError,
  WebSocket,
  WebSocketServer,
} from '../../src/index.ts';
import { recordingHandler, recordingServerHandler } from '../../src/testing.ts';
import { createDeferred } from '../helpers/deferred.ts';
import { recordErrors } from '../helpers/error-handlers.ts';
import { startServerOf, startWebServer } from '../helpers/library-server.ts';
import { connectPeer, startPeerServer } from '../helpers/peer.ts';
import { findClosedPort, startRawServer } from '../helpers/raw-server.ts';
import { turns } from '../helpers/turns.ts';
import { endWorker, runInWorker, workerName } from '../helpers/workers.ts';

afterEach(() => {
  onErrCall(null);
  onErrCall(null, ek.global);
});

describe('callWorker', () => {
  test.each([
    ['an empty name', ''],
    ['a number other than 1', 2],
    ['no name', undefined],
    ['a symbol as name', Symbol('W')],
  ])('with %s generates an error', (_, name) => {
    const call = (): void => callWorker(name as string, () => {});
    expect(call).toThrow(expect.objectContaining({ code: 'ERR_INVALID_WORKER', errCode: -20013 }) as FourDError);
    const calls = recordErrors();
    expect(call()).toBeUndefined();
    expect(calls).toHaveLength(1);
  });

  test('knows the main process by its number and by its name', async () => {
    expect(await runInWorker(1, currentProcessName)).toBe('Main process');
    expect(await runInWorker('Main process', currentProcessName)).toBe('Main process');
    const name = workerName();
    const called = createDeferred<string>();
    callWorker(name, () => callWorker(1, () => called.resolve(currentProcessName())));
    expect(await called.promise).toBe('Main process');
  });

  test('runs the messages of the main process one at a time, in order', async () => {
    const log: string[] = [];
    const gate = createDeferred();
    callWorker(1, async () => {
      log.push('begin 1');
      await gate.promise;
      log.push('end 1');
    });
    const second = runInWorker(1, () => log.push('2'));
    await turns();
    expect(log).toEqual(['begin 1']);
    gate.resolve();
    await second;
    expect(log).toEqual(['begin 1', 'end 1', '2']);
  });
});

describe('currentProcessName', () => {
  test('is right after awaits, in timers and in promise chains', async () => {
    const name = workerName();
    const names: string[] = [];
    const seen = (): void => void names.push(currentProcessName());
    await runInWorker(name, async () => {
      seen();
      await nextTurn();
      seen();
      await new Promise<void>((resolve) => {
        setTimeout(() => {
          seen();
          resolve();
        }, 1);
      });
      await Promise.resolve().then(seen);
      const peers = await startPeerServer();
      const ws = await WebSocket.new(peers.url);
      seen();
      ws!.terminate();
    });
    expect(names).toEqual([name, name, name, name, name]);
    expect(currentProcessName()).toBe('Main process');
  });

  test('of two workers that take turns', async () => {
    const names = [workerName(), workerName()];
    const seen = await Promise.all(
      names.map((name) =>
        runInWorker(name, async () => {
          const list: string[] = [];
          for (let i = 0; i < 5; i++) {
            list.push(currentProcessName());
            await nextTurn();
          }
          return new Set(list);
        }),
      ),
    );
    expect(seen).toEqual(names.map((name) => new Set([name])));
  });
});

describe('a message that throws or rejects', () => {
  const FAILURES = [
    (): void => {
      throw new Error('broken');
    },
    async (): Promise<void> => {
      await turns(1);
      throw new Error('broken');
    },
    // throwError throws when there is no handler.
    (): unknown => throwError(-5, 'broken'),
  ];

  test.each(FAILURES)('is printed without a handler, and the worker goes on: %s', async (fail) => {
    const printed = vi.spyOn(console, 'error').mockImplementation(() => {});
    const name = workerName();
    processVariables().x = 1;
    await runInWorker(name, () => {
      processVariables().kept = true;
    });
    callWorker(name, fail);
    expect(await runInWorker(name, () => processVariables().kept)).toBe(true);
    expect(printed.mock.calls).toEqual([
      [expect.objectContaining({ code: 'ERR_THROWN', message: `worker ${name} failed: broken` })],
    ]);
    printed.mockRestore();
  });

  test("goes to the worker's own handler", async () => {
    const main = recordErrors();
    const name = workerName();
    const items: unknown[] = [];
    await runInWorker(name, () => onErrCall((errors) => items.push(currentProcessName(), ...errors)));
    callWorker(name, FAILURES[0]!);
    callWorker(name, FAILURES[1]!);
    await runInWorker(name, () => {});
    const item = { errCode: -1, message: `worker ${name} failed: broken`, componentSignature: 'host' };
    expect(items).toEqual([name, item, name, item]);
    expect(main).toEqual([]);
  });

  test('goes to the global handler', async () => {
    const global = recordErrors(ek.global);
    const name = workerName();
    callWorker(name, FAILURES[0]!);
    await runInWorker(name, () => {});
    expect(global.map(([item]) => item!.message)).toEqual([`worker ${name} failed: broken`]);
  });
});

describe('a client in a worker', () => {
  test('can be awaited by the message that creates it', async () => {
    const name = workerName();
    const { url } = await startServerOf(recordingHandler());
    const handler = recordingHandler({ onOpen: () => turns(2) });
    const status = await runInWorker(name, async () => {
      const ws = await WebSocket.new(url, handler);
      return ws!.status;
    });
    expect(status).toBe('Connected');
    expect(handler.callbacks).toEqual(['onOpen']);
  });

  test('can be awaited by a message that waited when it connected', async () => {
    const name = workerName();
    const { url } = await startServerOf(recordingHandler());
    const gate = createDeferred();
    callWorker(name, () => {
      processVariables().ready = WebSocket.new(url);
    });
    callWorker(name, () => gate.promise);
    const status = runInWorker(name, async () => (await (processVariables().ready as Promise<WebSocket>)).status);
    await turns();
    gate.resolve();
    expect(await status).toBe('Connected');
  });

  test('that cannot connect can be awaited too', async () => {
    const name = workerName();
    const url = `ws://127.0.0.1:${await findClosedPort()}`;
    const handler = recordingHandler();
    await runInWorker(name, async () => {
      await expect(WebSocket.new(url)).rejects.toMatchObject({ code: 'ERR_CONNECT_FAILED' });
      expect(await new WebSocket(url, handler).ready).toBeNull();
      // The callbacks of the client wait until this message is over.
      await turns();
      expect(handler.callbacks).toEqual([]);
    });
    await handler.ended();
    expect(handler.callbacks).toEqual(['onError', 'onTerminate']);
  });

  test('makes messages wait for its asynchronous onOpen when the worker was idle', async () => {
    const name = workerName();
    const peers = await startRawServer();
    const log: string[] = [];
    const gate = createDeferred();
    const handler = recordingHandler({
      async onOpen() {
        log.push('onOpen begins');
        await gate.promise;
        log.push('onOpen ends');
      },
    });
    await runInWorker(name, () => void new WebSocket(peers.url, handler));
    await peers.open();
    await handler.opened();
    const message = runInWorker(name, () => log.push('message'));
    await turns();
    expect(log).toEqual(['onOpen begins']);
    gate.resolve();
    await message;
    expect(log).toEqual(['onOpen begins', 'onOpen ends', 'message']);
  });

  test('does not block its worker while it connects', async () => {
    const name = workerName();
    const peers = await startRawServer();
    const handler = recordingHandler();
    callWorker(name, () => void new WebSocket(peers.url, handler));
    await peers.accept();
    expect(await runInWorker(name, currentProcessName)).toBe(name);
    await endWorker(name);
    expect(handler.callbacks).toEqual(['onTerminate']);
  });
});

describe('the end of a worker', () => {
  test('without resources comes at once', async () => {
    const name = workerName();
    await runInWorker(name, () => {
      processVariables().x = 1;
    });
    killWorker(name);
    await nextTurn();
    const fresh = createDeferred<unknown>();
    callWorker(name, () => fresh.resolve(processVariables().x));
    await nextTurn();
    expect(await fresh.promise).toBeUndefined();
  });

  test('leaves no error handler and no variable to the successor', async () => {
    const name = workerName();
    await runInWorker(name, () => {
      processVariables().x = 1;
      onErrCall(() => {});
    });
    killWorker(name);
    await expect(runInWorker(name, () => throwError(-1, String(processVariables().x)))).rejects.toThrow('undefined');
  });

  test('closes sockets and servers that its last message created after the kill', async () => {
    const name = workerName();
    const peers = await startPeerServer();
    const web = await startWebServer();
    const [client, server] = [recordingHandler(), recordingServerHandler()];
    callWorker(name, async () => {
      killWorker();
      WebSocketServer.new(server, { webServer: web });
      await WebSocket.new(peers.url, client);
    });
    const peer = await peers.accept();
    expect((await peer.closed).code).toBe(1001);
    await runInWorker(name, () => {});
    expect(client.callbacks).toEqual(['onOpen', 'onTerminate']);
    expect(server.callbacks).toEqual(['onOpen', 'onTerminate']);
  });

  test('closes a client that an onTerminate creates', async () => {
    const name = workerName();
    const peers = await startPeerServer();
    const second = recordingHandler();
    await runInWorker(name, () =>
      WebSocket.new(peers.url, { onTerminate: () => void new WebSocket(peers.url, second) }),
    );
    await endWorker(name);
    await second.ended();
    expect(second.callbacks.at(-1)).toBe('onTerminate');
  });

  test('refuses clients that wait for onConnection', async () => {
    const name = workerName();
    const web = await startWebServer();
    const server = recordingServerHandler();
    await runInWorker(name, () => WebSocketServer.new(server, { webServer: web }));
    await server.opened();
    const gate = createDeferred();
    callWorker(name, () => gate.promise);
    await turns();
    const refused = connectPeer(`ws://127.0.0.1:${web.HTTPPort}`);
    await turns(50);
    killWorker(name);
    gate.resolve();
    await expect(refused).rejects.toThrow('503');
    await server.ended();
    expect(server.callbacks).toEqual(['onOpen', 'onTerminate']);
  });

  test('is not delayed by peers that keep an asynchronous onMessage busy', async () => {
    const name = workerName();
    const web = await startWebServer();
    const begun = createDeferred();
    const handler = recordingHandler({
      async onMessage() {
        begun.resolve();
        await turns(3);
      },
    });
    await runInWorker(name, () =>
      WebSocketServer.new(recordingServerHandler({ onConnection: () => handler }), { webServer: web }),
    );
    const url = `ws://127.0.0.1:${web.HTTPPort}`;
    const peers = [await connectPeer(url), await connectPeer(url), await connectPeer(url)];
    for (const peer of peers) for (let i = 0; i < 2000; i++) peer.send('busy');
    await begun.promise;
    await endWorker(name);
    for (const peer of peers) expect((await peer.closed).code).toBe(1001);
    expect(handler.messages.length).toBeLessThan(1000);
  });

  test('drops the messages for the successor when killWorker is called again', async () => {
    const name = workerName();
    const log: string[] = [];
    const gate = createDeferred();
    callWorker(name, () => gate.promise);
    await turns();
    killWorker(name);
    callWorker(name, () => void log.push('dropped'));
    killWorker(name);
    const kept = runInWorker(name, () => log.push('kept'));
    gate.resolve();
    await kept;
    expect(log).toEqual(['kept']);
  });

  test('keeps leftover code in the old worker, so that it cannot kill the successor', async () => {
    const name = workerName();
    const gate = createDeferred();
    const leftover = createDeferred<unknown[]>();
    const goOn = async (): Promise<void> => {
      await gate.promise;
      killWorker();
      leftover.resolve([currentProcessName(), processVariables().x]);
    };
    await runInWorker(name, () => {
      processVariables().x = 'old';
      void goOn();
    });
    await endWorker(name);
    await runInWorker(name, () => {
      processVariables().x = 'new';
    });
    gate.resolve();
    expect(await leftover.promise).toEqual([name, 'old']);
    expect(await runInWorker(name, () => processVariables().x)).toBe('new');
  });
});

test.each(['worker', 'tryExpr'])('follows contexts from the first %s on, and not before', async (first) => {
  const program = fileURLToPath(new URL('../processes/counting-contexts.ts', import.meta.url));
  const { stdout } = await promisify(execFile)(process.execPath, ['--import', 'tsx', program, first], {
    env: { ...process.env, TSX_TSCONFIG_PATH: 'tsconfig.json' },
  });
  expect(JSON.parse(stdout)).toEqual({ before: 0, seen: ['Main process', null], after: 1 });
});
