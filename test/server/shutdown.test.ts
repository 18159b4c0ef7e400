import { describe, expect, test, vi } from 'vitest';
import { FourDError, WebSocket, WebSocketServer } from '../../src/index.ts';
import { checkDrainOptions, DrainWaves, EndDeadline, type EndingServer } from '../../src/server/shutdown.ts';
import { timers } from '../../src/base/timers.ts';
import { currentClock } from '../../src/base/clock.ts';
import { recordingHandler } from '../../src/testing.ts';
import { useFakeClock } from '../helpers/fake-clock.ts';
import { startServerOf, startWebServer } from '../helpers/library-server.ts';
import { connectPeer } from '../helpers/peer.ts';
import { RawClient } from '../helpers/raw-client.ts';

describe('checkDrainOptions', () => {
  test('fills in the defaults', () => {
    expect(checkDrainOptions({})).toEqual({ deadlineMs: 30_000, batchSize: 100, intervalMs: 100, code: 1001 });
    expect(checkDrainOptions({ code: undefined, batchSize: 7 })).toMatchObject({ code: 1001, batchSize: 7 });
  });

  test.each([1000, 1001, 1012, 1013, 3000, 4999])('the code %d may be sent', (code) => {
    expect(checkDrainOptions({ code }).code).toBe(code);
  });

  test.each<[object, string]>([
    [{ code: 1002 }, 'code must be a whole number, 1000, 1001, 1012, 1013 or 3000 to 4999'],
    [{ code: 5000 }, 'code must be a whole number, 1000, 1001, 1012, 1013 or 3000 to 4999'],
    [{ batchSize: 0 }, 'batchSize must be a whole number, 1 or more'],
    [{ deadlineMs: 1.5 }, 'deadlineMs must be a whole number, 1 or more'],
    [{ intervalMs: 'x' }, 'intervalMs must be a whole number, 1 or more'],
    [{ seconds: 1 }, 'there is no option "seconds": drain() takes deadlineMs, batchSize, intervalMs, code'],
  ])('%j is refused', (options, problem) => {
    let error: unknown;
    try {
      checkDrainOptions(options);
    } catch (thrown) {
      error = thrown;
    }
    expect(error).toBeInstanceOf(FourDError);
    expect(error).toMatchObject({ code: 'ERR_INVALID_OPTION', message: `invalid option: ${problem}` });
  });
});

/** Creates a deadline, and a server that logs what it is told, and takes `cuttingMs` to cut its connections. */
function setUpDeadline(cuttingMs = 0) {
  const clock = useFakeClock();
  const log: string[] = [];
  const server: EndingServer = {
    cutConnections: (cause) => {
      log.push(`cut ${cause}`);
      const time = currentClock();
      const now = time.monotonicMs.bind(time);
      vi.spyOn(time, 'monotonicMs').mockImplementation(() => now() + cuttingMs);
    },
    stopWaiting: () => void log.push('stop waiting'),
    finish: () => {
      log.push('finish');
      deadline.cancel();
    },
  };
  const deadline = new EndDeadline(server);
  return { clock, log, deadline };
}

describe('EndDeadline', () => {
  test('cuts the connections, then waits for no callback, then for no onTerminate', async () => {
    const { clock, log, deadline } = setUpDeadline();
    deadline.set(1000, 'shutdown');
    await clock.advance(999);
    expect(log).toEqual([]);
    await clock.advance(1);
    expect(log).toEqual(['cut shutdown']);
    await clock.advance(99);
    expect(log).toEqual(['cut shutdown']);
    await clock.advance(1);
    expect(log).toEqual(['cut shutdown', 'stop waiting']);
    await clock.advance(100);
    expect(log).toEqual(['cut shutdown', 'stop waiting', 'finish']);
    expect(timers.pendingTicks).toBe(0);
  });

  test('keeps the earliest deadline, with its cause', async () => {
    const { clock, log, deadline } = setUpDeadline();
    deadline.set(Infinity, 'worker');
    deadline.set(2000, 'worker');
    deadline.set(500, 'shutdown');
    deadline.set(500, 'worker');
    deadline.set(1000, 'worker');
    await clock.advance(551);
    expect(log).toEqual(['cut shutdown']);
    // The peers have had their time.
    deadline.set(5000, 'worker');
    deadline.pass('worker');
    await clock.advance(151);
    await clock.advance(151);
    expect(log).toEqual(['cut shutdown', 'stop waiting', 'finish']);
    expect(timers.pendingTicks).toBe(0);
  });

  test('pass() cuts within the call, and the rest takes its time', async () => {
    const { clock, log, deadline } = setUpDeadline();
    deadline.set(2000, 'shutdown');
    deadline.pass('worker');
    expect(log).toEqual(['cut worker']);
    await clock.advance(151);
    expect(log).toEqual(['cut worker', 'stop waiting']);
    await clock.advance(151);
    expect(log).toEqual(['cut worker', 'stop waiting', 'finish']);
  });

  test('gives callbacks their time from the end of the cut on, however long the cut takes', async () => {
    const { clock, log, deadline } = setUpDeadline(700);
    deadline.pass('shutdown');
    await clock.advance(99);
    expect(log).toEqual(['cut shutdown']);
    await clock.advance(51);
    expect(log).toEqual(['cut shutdown', 'stop waiting']);
    deadline.cancel();
  });

  test('does nothing after cancel(), even when its time has come in this turn', async () => {
    const { clock, log, deadline } = setUpDeadline();
    deadline.set(100, 'shutdown');
    process.nextTick(() => setImmediate(() => deadline.cancel()));
    await clock.advance(151);
    deadline.set(100, 'shutdown');
    deadline.pass('shutdown');
    await clock.advance(500);
    expect(log).toEqual([]);
    expect(timers.pendingTicks).toBe(0);
  });
});

describe('wss.drain()', () => {
  test('closes all connections with the code, and counts them', async () => {
    const handler = recordingHandler();
    const { wss, url } = await startServerOf(handler);
    const peers = await Promise.all([connectPeer(url), connectPeer(url), connectPeer(url)]);
    expect(await wss.drain({ code: 1012 })).toEqual({ closed: 3, dropped: 0 });
    expect(await Promise.all(peers.map((peer) => peer.closed))).toMatchObject([
      { code: 1012 },
      { code: 1012 },
      { code: 1012 },
    ]);
    expect(wss.terminated).toBe(true);
    expect(timers.pendingTicks).toBe(0);
  });

  test('closes in waves, in order of arrival', async () => {
    const handler = recordingHandler();
    const { wss, url } = await startServerOf(handler);
    const peers = await Promise.all([connectPeer(url), connectPeer(url), connectPeer(url)]);
    const order: number[] = [];
    for (const [index, peer] of peers.entries()) void peer.closed.then(() => order.push(index));
    const draining = wss.drain({ batchSize: 1, intervalMs: 60 });
    expect(wss.connections.map(({ status }) => status)).toEqual(['Closing', 'Connected', 'Connected']);
    expect(await draining).toEqual({ closed: 3, dropped: 0 });
    expect(order).toEqual([0, 1, 2]);
  });

  test('closes more at a time where the deadline would come before the last wave', async () => {
    const clock = useFakeClock();
    const drained: number[] = [];
    const sessions = Array.from({ length: 1000 }, (_, i) => ({ drain: () => drained.push(i) }));
    const waves = new DrainWaves(sessions, { deadlineMs: 1000, batchSize: 10, intervalMs: 100, code: 1012 });
    waves.start();
    expect(drained).toHaveLength(112);
    await clock.advance(750);
    expect(drained).toHaveLength(896);
    await clock.advance(100);
    expect(drained).toEqual(Array.from({ length: 1000 }, (_, i) => i));
  });

  test('sends waiting messages before the close frame', async () => {
    const text = 'x'.repeat(1_000_000);
    const { wss, url } = await startServerOf(recordingHandler());
    const peer = await connectPeer(url);
    for (let i = 0; i < 8; i++) wss.connections[0]!.send(text);
    expect(await wss.drain()).toEqual({ closed: 1, dropped: 0 });
    expect(peer.messages.all).toHaveLength(8);
  });

  test('refuses new clients with 503 meanwhile', async () => {
    const { wss, web, url } = await startServerOf(recordingHandler());
    await connectPeer(url);
    const draining = wss.drain();
    const late = await RawClient.request(web.HTTPPort);
    expect((await late.answered).status).toBe(503);
    expect(await draining).toEqual({ closed: 1, dropped: 0 });
  });

  test('cuts at the deadline connections that have not closed, and closes first the ones that no wave has reached', async () => {
    const handler = recordingHandler();
    const { wss, web } = await startServerOf(handler);
    const silent = [await RawClient.request(web.HTTPPort), await RawClient.request(web.HTTPPort)];
    for (const client of silent) expect((await client.answered).status).toBe(101);
    await handler.nextEvent('open');
    await handler.nextEvent('open');
    const drained = await wss.drain({ deadlineMs: 150, batchSize: 1, intervalMs: 10_000 });
    expect(drained).toEqual({ closed: 0, dropped: 2 });
    await Promise.all(silent.map((client) => client.ended));
    expect(silent.map(({ frames }) => frames.all)).toEqual([['88 03e9'], ['88 03e9']]);
    expect(timers.pendingTicks).toBe(0);
  });

  test('leaves no deadline when the server ends before the next wave', async () => {
    const { wss, url } = await startServerOf(recordingHandler());
    await Promise.all([connectPeer(url), connectPeer(url)]);
    const draining = wss.drain({ batchSize: 1, intervalMs: 10_000 });
    wss.terminate();
    expect(await draining).toEqual({ closed: 2, dropped: 0 });
    expect(timers.pendingTicks).toBe(0);
  });

  test('a second call waits for the same end, and can only hasten it', async () => {
    const clock = useFakeClock();
    const { wss, web } = await startServerOf(recordingHandler());
    const client = await RawClient.open(web.HTTPPort);
    const [first, second] = [wss.drain({ deadlineMs: 5000, code: 1012 }), wss.drain({ deadlineMs: 1000, code: 1013 })];
    expect(await client.nextFrame()).toBe('88 03f4');
    await clock.advance(1051);
    expect(await Promise.all([first, second])).toEqual([
      { closed: 0, dropped: 1 },
      { closed: 0, dropped: 1 },
    ]);
    expect(client.frames.all).toHaveLength(1);
  });

  test('ends a server without connections at once', async () => {
    const { wss } = await startServerOf(recordingHandler());
    expect(await wss.drain()).toEqual({ closed: 0, dropped: 0 });
    expect(await wss.drain()).toEqual({ closed: 0, dropped: 0 });
  });

  test('rejects for a wrong option, and ends nothing', async () => {
    const { wss } = await startServerOf(recordingHandler());
    await expect(wss.drain({ deadlineMs: -1 })).rejects.toMatchObject({ code: 'ERR_INVALID_OPTION' });
    expect(wss.terminated).toBe(false);
  });
});

describe('await using', () => {
  test('ends a web server, its WebSocket server and a client', async () => {
    const ended: string[] = [];
    const web = await startWebServer();
    const handler = {
      onMessage() {},
      onTerminate: () => void ended.push('connection'),
    };
    {
      await using wss = WebSocketServer.new(
        { onConnection: () => handler, onTerminate: () => void ended.push('server') },
        { webServer: web },
      );
      expect(wss!.terminated).toBe(false);
      {
        await using ws = await WebSocket.new(`ws://127.0.0.1:${web.HTTPPort}`, {
          onTerminate: () => void ended.push('client'),
        });
        expect(ws!.status).toBe('Connected');
      }
      expect(ended).toContain('client');
    }
    expect(ended.at(-1)).toBe('server');
    await web[Symbol.asyncDispose]();
    expect(web.isRunning).toBe(false);
  });
});
