import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { expect, onTestFinished, test } from 'vitest';
import { HostilePeer } from '../hostile/hostile-peer.ts';

test('the server process exits when its parent disconnects, even with connected peers', async () => {
  const script = fileURLToPath(new URL('server-process.ts', import.meta.url));
  const child: ChildProcess = fork(script, { execArgv: ['--import', 'tsx'] });
  onTestFinished(() => void child.kill('SIGKILL'));
  child.send({ id: 1, call: 'start', argument: { settings: {}, web: {}, without: [] } });
  const [{ result: port }] = (await once(child, 'message')) as [{ readonly result: number }];
  const peer = new HostilePeer({ port, localAddress: '127.0.0.1' });
  peer.request();
  expect(await peer.opened).toBe(true);
  child.disconnect();
  expect(await once(child, 'exit')).toEqual([0, null]);
  await peer.closed;
}, 60_000);
