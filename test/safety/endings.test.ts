import { describe, expect, test } from 'vitest';
import { killWorker, type WebServer, type WebSocketServer } from '../../src/index.ts';
import { recordingHandler, recordingServerHandler } from '../../src/testing.ts';
import { createDeferred } from '../helpers/deferred.ts';
import { useFakeClock } from '../helpers/fake-clock.ts';
import { frame } from '../helpers/frames.ts';
import { startLibraryServer, startServerOf } from '../helpers/library-server.ts';
import { expectNoOpenSockets } from '../helpers/leftovers.ts';
import { closePayload, RawClient } from '../helpers/raw-client.ts';
import { turns } from '../helpers/turns.ts';
import { runInWorker, workerName } from '../helpers/workers.ts';

describe('terminate(0) while TCP is being ended ends every connection, and leaves no socket open', () => {
  test.each([0, 1, 2, 3])('%d turns after the answer to a close frame', async (turnCount) => {
    const handler = recordingHandler({
      onMessage: (ws) => {
        const { wss } = ws as unknown as { wss: { terminate(timeout: number): void } };
        const terminateLater = (left: number): void =>
          left === 0 ? wss.terminate(0) : void setImmediate(() => terminateLater(left - 1));
        process.nextTick(terminateLater, turnCount);
      },
    });
    const server = recordingServerHandler({ onConnection: () => handler });
    const { web, wss } = await startLibraryServer(server);
    const client = await RawClient.open(web.HTTPPort);
    // The message and the close frame come in one read: the answer to the close frame leaves at the end of that turn.
    client.socket.write(Buffer.concat([frame('client', '81', '78'), frame('client', '88', closePayload(1000))]));
    await server.ended();
    expect(handler.callbacks).toEqual(['onOpen', 'onMessage', 'onTerminate']);
    expect(wss.connections).toEqual([]);
    client.socket.end();
    await client.closed;
    await web.stop();
    await expectNoOpenSockets();
  });
});

describe('a callback that never settles does not defeat', () => {
  type Ends = (wss: WebSocketServer<unknown>, web: WebServer, worker: string) => Promise<unknown> | void;
  const WAYS: readonly (readonly [name: string, ms: number, end: Ends])[] = [
    ['drain', 1000, (wss) => wss.drain({ deadlineMs: 1000 })],
    ['terminate(1)', 1000, (wss) => wss.terminate(1)],
    ['terminate(0)', 0, (wss) => wss.terminate(0)],
    ['stop', 5000, (_, web) => web.stop()],
    ['killWorker', 2000, (_wss, _web, worker) => killWorker(worker)],
  ];

  test.each(WAYS)('%s', async (_, ms, end) => {
    const clock = useFakeClock();
    const worker = workerName();
    const gate = createDeferred();
    const handler = recordingHandler({ onMessage: () => gate.promise });
    const { web, wss } = await runInWorker(worker, () => startServerOf(handler));
    const client = await RawClient.open(web.HTTPPort);
    client.sendText('wait for ever');
    await handler.nextMessage();
    let isOver = false;
    const over = async (): Promise<void> => {
      await end(wss, web, worker);
      isOver = true;
    };
    void over();
    await clock.advance(ms);
    for (let i = 0; i < 8; i++) await clock.advance(50);
    expect([isOver, wss.terminated]).toEqual([true, true]);
    await Promise.race([client.ended, client.closed]);
    gate.resolve();
    await handler.ended();
    expect(handler.callbacks).toEqual(['onOpen', 'onMessage', 'onTerminate']);
    client.socket.destroy();
    await turns();
  });
});
