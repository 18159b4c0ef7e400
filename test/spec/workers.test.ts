import { once } from 'node:events';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { expect, test } from 'vitest';
import {
  callWorker,
  currentProcessName,
  killWorker,
  processVariables,
  WebSocket,
  WebSocketServer,
} from '../../src/index.ts';
import { recordingHandler, recordingServerHandler, type RecordingServerHandler } from '../../src/testing.ts';
import { createDeferred } from '../helpers/deferred.ts';
import { useFakeClock } from '../helpers/fake-clock.ts';
import { Inbox } from '../helpers/inbox.ts';
import { startServerOf, startWebServer } from '../helpers/library-server.ts';
import { dropGarbage } from '../helpers/memory.ts';
import { connectPeer, type Peer, startPeerServer } from '../helpers/peer.ts';
import { RawClient } from '../helpers/raw-client.ts';
import { startRawServer } from '../helpers/raw-server.ts';
import { turns } from '../helpers/turns.ts';
import { runInWorker, workerName } from '../helpers/workers.ts';

/** Waits until the library has read everything that the peer has sent: until it has answered a ping. */
async function arrived(peer: Peer): Promise<void> {
  peer.socket.ping();
  await once(peer.socket, 'pong');
}

/** Starts a WebSocket server that belongs to a worker. Returns its URL. */
async function startServerInWorker(
  name: string,
  handler: RecordingServerHandler<unknown>,
): Promise<{ url: string; wss: WebSocketServer<unknown>; port: number }> {
  const web = await startWebServer();
  const wss = await runInWorker(name, () => WebSocketServer.new(handler, { webServer: web, dataType: 'object' }));
  return { url: `ws://127.0.0.1:${web.HTTPPort}`, wss: wss!, port: web.HTTPPort };
}

test('4D-148 callWorker returns undefined at once, and the code runs later', async () => {
  const name = workerName();
  const log: string[] = [];
  const over = createDeferred();
  const argument = {};
  const result: unknown = callWorker(
    name,
    (text, object) => {
      log.push(`message ${text} ${object === argument}`);
      over.resolve();
    },
    'a',
    argument,
  );
  log.push('callWorker returned');
  expect(result).toBeUndefined();
  await Promise.resolve();
  log.push('the turn goes on');
  await over.promise;
  expect(log).toEqual(['callWorker returned', 'the turn goes on', 'message a true']);
});

test('4D-149 messages of one named worker run in order, never overlapping', async () => {
  const name = workerName();
  const log: string[] = [];
  const expected: string[] = [];
  for (let i = 0; i < 50; i++) {
    expected.push(`begin ${i}`, `end ${i}`);
    callWorker(name, async () => {
      log.push(`begin ${i}`);
      // Later messages are faster.
      await turns((50 - i) % 7);
      log.push(`end ${i}`);
    });
  }
  await runInWorker(name, () => {});
  expect(log).toEqual(expected);
});

test('4D-149 a returned Promise is awaited before the next message, also when it rejects', async () => {
  const name = workerName();
  const log: string[] = [];
  const gate = createDeferred();
  callWorker(name, () => gate.promise.then(() => void log.push('first')));
  const second = runInWorker(name, () => void log.push('second'));
  await turns();
  expect(log).toEqual([]);
  gate.resolve();
  await second;
  expect(log).toEqual(['first', 'second']);
});

test('4D-150 worker names are case-sensitive: "A" and "a" are two workers', async () => {
  const upper = workerName();
  const lower = upper.toLowerCase();
  const gate = createDeferred();
  const first = runInWorker(upper, () => gate.promise);
  // A message to the worker with the upper-case name would wait for the gate.
  expect(await runInWorker(lower, currentProcessName)).toBe(lower);
  gate.resolve();
  await first;
  expect(await runInWorker(upper, currentProcessName)).toBe(upper);
  killWorker(lower);
});

test('4D-151 process variables of a worker last from one message to the next, and another worker does not see them', async () => {
  const [one, two] = [workerName(), workerName()];
  await runInWorker(one, () => {
    processVariables().x = 1;
  });
  await runInWorker(two, () => {
    expect(processVariables().x).toBeUndefined();
    processVariables().x = 2;
  });
  expect(await runInWorker(one, () => processVariables().x)).toBe(1);
  expect(await runInWorker(two, () => processVariables().x)).toBe(2);
  expect(processVariables().x).toBeUndefined();
});

test('4D-152 callbacks of a client created in worker W run with current process name "W"', async () => {
  const name = workerName();
  const peers = await startPeerServer();
  const names = new Inbox<string>();
  const seen = (callback: string) => async (): Promise<void> => {
    names.push(`${callback} ${currentProcessName()}`);
    await nextTurn();
    names.push(`${callback} awaited ${currentProcessName()}`);
  };
  const handler = {
    onOpen: seen('onOpen'),
    onMessage: seen('onMessage'),
    onError: seen('onError'),
    onTerminate: seen('onTerminate'),
  };
  await runInWorker(name, () => void new WebSocket(peers.url, handler));
  const peer = await peers.accept();
  peer.send('hello');
  await names.atLeast(4);
  peer.cut();
  await names.atLeast(8);
  expect(names.all).toEqual(
    ['onOpen', 'onMessage', 'onError', 'onTerminate'].flatMap((callback) => [
      `${callback} ${name}`,
      `${callback} awaited ${name}`,
    ]),
  );
  expect(currentProcessName()).toBe('Main process');
});

test('4D-152 callbacks of a server created in worker W, and of its connections, run with current process name "W"', async () => {
  const name = workerName();
  const names: string[] = [];
  const seen = (callback: string): void => void names.push(`${callback} ${currentProcessName()}`);
  const connection = recordingHandler({
    onOpen: () => seen('onOpen'),
    onMessage: () => seen('onMessage'),
    onError: () => seen('onError'),
    onTerminate: () => seen('onTerminate'),
  });
  const server = recordingServerHandler({
    onOpen: () => seen('server onOpen'),
    onConnection: () => {
      seen('onConnection');
      return connection;
    },
    onTerminate: () => seen('server onTerminate'),
  });
  const { url, wss } = await startServerInWorker(name, server);
  const peer = await connectPeer(url);
  peer.send('{}');
  await connection.nextMessage();
  peer.cut();
  await connection.ended();
  wss.terminate();
  await server.ended();
  expect(names).toEqual(
    ['server onOpen', 'onConnection', 'onOpen', 'onMessage', 'onError', 'onTerminate', 'server onTerminate'].map(
      (callback) => `${callback} ${name}`,
    ),
  );
});

test('4D-152 callbacks of a socket created outside any worker run in the main process', async () => {
  const peers = await startPeerServer();
  const names = new Inbox<string>();
  await runInWorker(workerName(), currentProcessName);
  await WebSocket.new(peers.url, { onMessage: () => names.push(currentProcessName()) });
  const peer = await peers.accept();
  peer.send('hello');
  expect(await names.next()).toBe('Main process');
});

test('4D-153 inside a named worker a socket callback waits until the running message of that worker is over', async () => {
  const name = workerName();
  const peers = await startPeerServer();
  const log = new Inbox<string>();
  const gate = createDeferred();
  await runInWorker(name, () =>
    WebSocket.new(peers.url, {
      onMessage: async () => {
        log.push('onMessage begins');
        await turns();
        log.push('onMessage ends');
      },
      onTerminate: () => log.push('onTerminate'),
    }),
  );
  const peer = await peers.accept();
  const running = runInWorker(name, async () => {
    await gate.promise;
    log.push('message');
  });
  peer.send('hello');
  await arrived(peer);
  await turns();
  expect(log.all).toEqual([]);
  gate.resolve();
  await running;
  await log.atLeast(2);
  // A message waits for the running callback, too.
  await runInWorker(name, () => log.push('next message'));
  peer.socket.close();
  await log.atLeast(5);
  expect(log.all).toEqual(['message', 'onMessage begins', 'onMessage ends', 'next message', 'onTerminate']);
});

test('4D-153 inside a named worker the callbacks of a server wait too', async () => {
  const name = workerName();
  const log: string[] = [];
  const server = recordingServerHandler({ onConnection: () => log.push('onConnection') && null });
  const { port } = await startServerInWorker(name, server);
  await server.opened();
  const gate = createDeferred();
  const running = runInWorker(name, () => gate.promise.then(() => log.push('message')));
  const client = await RawClient.request(port);
  await turns(50);
  expect(log).toEqual([]);
  gate.resolve();
  await running;
  expect((await client.answered).status).toBe(403);
  expect(log).toEqual(['message', 'onConnection']);
});

test('4D-153 in the main context only callbacks of the same connection wait for each other', async () => {
  const log = new Inbox<string>();
  const gate = createDeferred();
  const { url } = await startServerOf({
    async onMessage(_: unknown, event: { data: string }) {
      log.push(`begin ${event.data}`);
      if (event.data === 'slow') await gate.promise;
      log.push(`end ${event.data}`);
    },
  });
  const [first, second] = [await connectPeer(url), await connectPeer(url)];
  const message = createDeferred();
  const running = runInWorker(1, () => message.promise);
  first.send('slow');
  await log.atLeast(1);
  first.send('behind');
  second.send('other');
  await arrived(first);
  await log.atLeast(3);
  expect(log.all).toEqual(['begin slow', 'begin other', 'end other']);
  gate.resolve();
  await log.atLeast(6);
  expect(log.all.slice(3)).toEqual(['end slow', 'begin behind', 'end behind']);
  message.resolve();
  await running;
});

test('4D-154 killWorker drops the pending messages and lets the current one finish', async () => {
  const name = workerName();
  const log: string[] = [];
  const begun = createDeferred();
  const gate = createDeferred();
  const over = createDeferred();
  callWorker(name, async () => {
    log.push('begin');
    begun.resolve();
    await gate.promise;
    await turns();
    log.push('end');
    over.resolve();
  });
  callWorker(name, () => void log.push('pending'));
  callWorker(name, () => void log.push('pending too'));
  await begun.promise;
  killWorker(name);
  gate.resolve();
  await over.promise;
  // The successor runs when the killed worker has ended, so the killed worker cannot log any more.
  await runInWorker(name, () => void log.push('successor'));
  await turns();
  expect(log).toEqual(['begin', 'end', 'successor']);
});

test('4D-155 killWorker of an unknown name does nothing', async () => {
  const name = workerName();
  expect(killWorker(name)).toBeUndefined();
  expect(await runInWorker(name, currentProcessName)).toBe(name);
});

test('4D-156 callWorker after killWorker starts a new worker with fresh variables, after the old worker ended', async () => {
  const name = workerName();
  const peers = await startPeerServer();
  const log: string[] = [];
  const gate = createDeferred();
  callWorker(name, async () => {
    processVariables().x = 'old';
    await WebSocket.new(peers.url, {
      async onTerminate() {
        await turns();
        log.push(`onTerminate ${String(processVariables().x)}`);
      },
    });
    await gate.promise;
    log.push('old message');
  });
  await peers.accept();
  killWorker(name);
  const fresh = runInWorker(name, () => void log.push(`new message ${String(processVariables().x)}`));
  await turns();
  expect(log).toEqual([]);
  gate.resolve();
  await fresh;
  expect(log).toEqual(['old message', 'onTerminate old', 'new message undefined']);
});

test('4D-157 a just-killed worker calling itself does nothing', async () => {
  const name = workerName();
  const peers = await startPeerServer();
  const log: string[] = [];
  await runInWorker(name, async () => {
    await WebSocket.new(peers.url, {
      onTerminate() {
        log.push('onTerminate');
        callWorker(name, () => void log.push('called by its onTerminate'));
      },
    });
    killWorker(name);
    callWorker(name, () => void log.push('called by itself'));
    await turns();
    callWorker(name, () => void log.push('called by itself later'));
  });
  await runInWorker(name, () => void log.push('called by another'));
  await turns();
  expect(log).toEqual(['onTerminate', 'called by another']);
});

test('4D-158 killWorker on the main process only empties its queue', async () => {
  const peers = await startPeerServer();
  const ws = await WebSocket.new(peers.url);
  processVariables().kept = 'here';
  const log: string[] = [];
  const gate = createDeferred();
  const running = runInWorker(1, async () => {
    await gate.promise;
    log.push('running');
  });
  callWorker(1, () => void log.push('pending'));
  await turns();
  killWorker(1);
  gate.resolve();
  await running;
  callWorker('Main process', () => void log.push('pending'));
  // Without a name, killWorker applies to the calling worker or main process.
  killWorker();
  await runInWorker(1, () => void log.push('after'));
  expect(log).toEqual(['running', 'after']);
  expect(processVariables().kept).toBe('here');
  expect(ws!.status).toBe('Connected');
  ws!.terminate();
  const peer = await peers.accept();
  expect((await peer.closed).code).toBe(1000);
});

test('4D-159 ending a worker closes the client sockets and servers that it owns', async () => {
  const name = workerName();
  const peers = await startPeerServer();
  const web = await startWebServer();
  const create = (): WebSocketServer | null =>
    WebSocketServer.new(recordingServerHandler(), { webServer: web, path: '/a' });
  const wss = await runInWorker(name, create);
  const [ws, other] = await runInWorker(name, () => Promise.all([WebSocket.new(peers.url), WebSocket.new(peers.url)]));
  const untouched = await WebSocket.new(peers.url);
  const clients = [await peers.accept(), await peers.accept()];
  const client = await connectPeer(`ws://127.0.0.1:${web.HTTPPort}/a`);
  killWorker(name);
  for (const peer of [...clients, client]) expect(await peer.closed).toEqual({ code: 1001, reason: '' });
  await runInWorker(name, () => {});
  expect([ws!.status, other!.status, wss!.terminated, untouched!.status]).toEqual([
    'Closed',
    'Closed',
    true,
    'Connected',
  ]);
  const again = create();
  expect(again).not.toBeNull();
  untouched!.terminate();
});

test('4D-159 a peer that does not answer has 2 s, then its socket is destroyed', async () => {
  const clock = useFakeClock();
  const name = workerName();
  const rawServer = await startRawServer();
  const clientHandler = recordingHandler();
  callWorker(name, () => void new WebSocket(rawServer.url, clientHandler));
  const rawPeer = await rawServer.open();
  await clientHandler.opened();
  const server = recordingServerHandler();
  const { port } = await startServerInWorker(name, server);
  const rawClient = await RawClient.open(port);
  killWorker(name);
  expect(await rawClient.nextClose()).toBe('88 03e9');
  expect(await rawPeer.frames.next()).toBe('88 03e9');
  await clock.advance(1900);
  expect(clientHandler.callbacks).toEqual(['onOpen']);
  expect(server.callbacks).toEqual(['onOpen', 'onConnection']);
  await clock.advance(200);
  await rawClient.ended;
  expect(await clientHandler.ended()).toMatchObject({ code: 1006, wasClean: false });
  await server.ended();
});

test('4D-160 when a worker ends, each onTerminate still runs once, in the worker', async () => {
  const name = workerName();
  const peers = await startPeerServer();
  const log: string[] = [];
  const seen = (what: string): void => void log.push(`${what} ${currentProcessName()}`);
  const server = recordingServerHandler({
    onConnection: () => recordingHandler({ onTerminate: () => seen('connection') }),
    onTerminate: () => seen('server'),
  });
  const { url } = await startServerInWorker(name, server);
  await runInWorker(name, () => WebSocket.new(peers.url, { onTerminate: () => seen('client') }));
  const late = recordingHandler({ onTerminate: () => seen('connecting client') });
  const failed = recordingHandler({ onTerminate: () => seen('failed client') });
  await connectPeer(url);
  await connectPeer(url);
  const rawServer = await startRawServer();
  await runInWorker(name, async () => {
    void new WebSocket(rawServer.url, late);
    void new WebSocket('', failed);
    // The client has failed by now, and its callbacks wait for the end of this message.
    await turns();
    killWorker();
  });
  await runInWorker(name, () => {});
  await turns();
  expect(log.toSorted()).toEqual(
    ['client', 'connecting client', 'connection', 'connection', 'failed client', 'server'].map(
      (what) => `${what} ${name}`,
    ),
  );
  expect(late.callbacks).toEqual(['onTerminate']);
  expect(failed.callbacks).toEqual(['onError', 'onTerminate']);
});

test("4D-161 killWorker called from the server's own onTerminate works", async () => {
  const name = workerName();
  const server = recordingServerHandler({ onTerminate: () => killWorker(name) });
  const { url, wss } = await startServerInWorker(name, server);
  await runInWorker(name, () => {
    processVariables().wss = wss;
  });
  const peer = await connectPeer(url);
  callWorker(name, () => (processVariables().wss as WebSocketServer).terminate());
  expect((await peer.closed).code).toBe(1000);
  await server.ended();
  // A message that another worker or the main process sends starts a fresh worker.
  expect(await runInWorker(name, () => Object.keys(processVariables()))).toEqual([]);
  expect(server.callbacks).toEqual(['onOpen', 'onConnection', 'onTerminate']);
});

test('4D-162 a socket that no variable holds stays alive until onTerminate', async () => {
  const peers = await startPeerServer();
  const events = new Inbox<string>();
  let reference: WeakRef<WebSocket> | undefined;
  void new WebSocket(peers.url, {
    onOpen: (ws) => {
      reference = new WeakRef(ws);
    },
    onMessage: (_, event) => events.push(event.data),
    onTerminate: (ws, event) => events.push(`${event.code} ${ws === reference!.deref()}`),
  });
  const peer = await peers.accept();
  await dropGarbage();
  expect(reference!.deref()).toBeDefined();
  peer.send('still here');
  expect(await events.next()).toBe('still here');
  await dropGarbage();
  peer.socket.close(4000);
  expect(await events.next()).toBe('4000 true');
});

test('4D-162 a server that no variable holds stays alive until onTerminate', async () => {
  const web = await startWebServer();
  const log = new Inbox<string>();
  const create = (): WeakRef<WebSocketServer> =>
    new WeakRef(
      WebSocketServer.new(
        {
          onConnection: () => ({ onMessage: (ws, event) => ws.send(event.data.toUpperCase()) }),
          onTerminate: () => log.push('onTerminate'),
        },
        { webServer: web },
      )!,
    );
  const reference = create();
  await turns();
  await dropGarbage();
  expect(reference.deref()).toBeDefined();
  const peer = await connectPeer(`ws://127.0.0.1:${web.HTTPPort}`);
  await dropGarbage();
  peer.send('hello');
  expect(await peer.nextText()).toBe('HELLO');
  await web.stop();
  expect(log.all).toEqual(['onTerminate']);
});
