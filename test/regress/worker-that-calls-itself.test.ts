import { expect, test } from 'vitest';
import { callWorker, killWorker, WebSocket } from '../../src/index.ts';
import { recordingHandler } from '../../src/testing.ts';
import { startServerOf } from '../helpers/library-server.ts';
import { workerName } from '../helpers/workers.ts';

/** The worker ran its own calls one after the other in the same turn, so nothing else in the process ran. */
test.each([
  ['synchronously', (again: () => void): unknown => again()],
  ['asynchronously', (again: () => void): unknown => Promise.resolve().then(again)],
])('a worker that calls itself %s does not stop the sockets', async (_, run) => {
  const { url } = await startServerOf(recordingHandler({ onMessage: (ws, { data: text }) => ws.send(text) }));
  const name = workerName();
  let count = 0;
  const message = (): unknown => {
    count++;
    return run(() => callWorker(name, message));
  };
  callWorker(name, message);
  const handler = recordingHandler();
  const ws = await WebSocket.new(url, handler);
  ws!.send('hello');
  expect(await handler.nextMessage()).toBe('hello');
  expect(count).toBeGreaterThan(1);
  killWorker(name);
  ws!.terminate();
  await handler.ended();
});
