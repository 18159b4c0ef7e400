import { truncateSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, expect, test, vi } from 'vitest';
import { useFakeClock } from '../helpers/fake-clock.ts';
import { makeFolder } from '../helpers/folder.ts';
import { expectNoDeadlines, expectNoOpenSockets } from '../helpers/leftovers.ts';
import { startWebServer } from '../helpers/library-server.ts';
import { OpenedFiles } from '../helpers/opened-files.ts';
import { PlainClient, plainRequest } from '../helpers/plain-client.ts';
import { turns } from '../helpers/turns.ts';

afterAll(() => expectNoOpenSockets());

async function openFile(): Promise<{ files: OpenedFiles; stop: () => Promise<void> }> {
  const folder = makeFolder({ 'big.bin': '' });
  truncateSync(join(folder, 'big.bin'), 10_000_000);
  const web = await startWebServer({ rootFolder: folder });
  const files = new OpenedFiles();
  const client = await PlainClient.connect(web.HTTPPort);
  client.socket.pause();
  client.socket.write(plainRequest('/big.bin'));
  await files.atLeast(1);
  return { files, stop: () => web.stop() };
}

/** Returns a function that tells whether a promise has resolved, and a promise for that. */
function watch(promise: Promise<void>): [isOver: () => boolean, over: Promise<void>] {
  let isOver = false;
  async function wait(): Promise<void> {
    await promise;
    isOver = true;
  }
  return [() => isOver, wait()];
}

test('stop() resolves when the open files are closed, and leaves no deadline', async () => {
  const { files, stop } = await openFile();
  await stop();
  expect(files.openCount).toBe(0);
  await expectNoDeadlines();
});

test('stop() waits a second at most for a file system that does not answer', async () => {
  const clock = useFakeClock();
  const { files, stop } = await openFile();
  const [file] = files.all;
  const spy = vi.spyOn(file!, 'destroy').mockReturnValue(file!);
  const [isStopped, stopping] = watch(stop());
  await turns(100);
  await clock.advance(900);
  expect(isStopped()).toBe(false);
  await clock.advance(200);
  await stopping;
  spy.mockRestore();
  file!.destroy();
  await files.allClosed();
});
