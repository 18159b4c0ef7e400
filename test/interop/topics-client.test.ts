/** A client in another language, written from the page of the protocol alone. */
import { execFile, spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expect, onTestFinished, test } from 'vitest';
import { deny, grant, WebSocketServer } from '../../src/index.ts';

const script = fileURLToPath(new URL('topics_client.py', import.meta.url));
const hasPython = spawnSync('python3', ['--version']).status === 0;

test.skipIf(!hasPython)(
  `a client in Python speaks 4d-topics.1${hasPython ? '' : ' (python3 is not installed)'}`,
  async () => {
    let isPublished: Promise<unknown> = Promise.resolve();
    const handler = {
      onSubscribe: (_: unknown, { topic }: { topic: string }) =>
        topic === 'forbidden' ? deny('no') : grant({ publish: true }),
      onMessage: () => undefined,
      async onRequest(_: unknown, { data }: { data: unknown }): Promise<object> {
        await isPublished;
        return data as object;
      },
      onTerminate() {
        isPublished = Promise.all(['x', 'y'].map((data) => wss.topics.publish('room', data)));
      },
    };
    const wss = await WebSocketServer.serve({ onConnection: () => handler }, { port: 0, topics: true });
    onTestFinished(() => wss.terminate(0));
    for (let n = 1; n <= 3; n++) await wss.topics.publish('room', n);
    const { port } = new URL(wss.url);
    const { stdout } = await promisify(execFile)('python3', [script, '127.0.0.1', port], { timeout: 20_000 });
    const message = { from: 'python', text: 'é' };
    expect(JSON.parse(stdout)).toEqual({
      hi: ['aliveMs', 'limits', 'session', 't', 'v'],
      subbed: 'new',
      replayed: [2, 3],
      published: [false, true],
      'same place': true,
      heard: [message],
      answer: 'bytes',
      history: [4, false],
      refused: 'denied',
      nonsense: 'invalid',
      'same session': true,
      resumed: ['recovered', 2, true],
      missed: ['x', 'y'],
      several: ['gap', 'new'],
    });
  },
  30_000,
);
