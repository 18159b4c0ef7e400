import { EventEmitter } from 'node:events';
import fs, { truncateSync } from 'node:fs';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { join } from 'node:path';
import type sendFile from 'send';
import { afterAll, beforeEach, expect, test, vi } from 'vitest';
import { useFakeClock } from '../helpers/fake-clock.ts';
import { makeFolder } from '../helpers/folder.ts';
import { expectNoDeadlines, expectNoOpenSockets } from '../helpers/leftovers.ts';
import { startWebServer } from '../helpers/library-server.ts';
import { OpenedFiles } from '../helpers/opened-files.ts';
import { PlainClient, plainRequest } from '../helpers/plain-client.ts';
import { turns } from '../helpers/turns.ts';

const library = vi.hoisted(() => ({ isCareless: false }));

/** Sends a file as the package `send` does, and closes none. */
class CarelessSend extends EventEmitter {
  readonly #path: string;

  constructor(path: string) {
    super();
    this.#path = path;
  }

  pipe(response: ServerResponse): void {
    this.emit('file', this.#path, fs.statSync(this.#path));
    const file = fs.createReadStream(this.#path);
    this.emit('stream', file);
    file.pipe(response);
  }
}

vi.mock('send', async (importOriginal) => {
  const { default: send } = await importOriginal<{ default: typeof sendFile }>();
  const choose = (request: IncomingMessage, path: string, options: sendFile.SendOptions): unknown =>
    library.isCareless ? new CarelessSend(join(options.root!, path)) : send(request, path, options);
  return { default: choose };
});

beforeEach(() => {
  library.isCareless = false;
});

afterAll(() => expectNoOpenSockets());

interface Opened {
  readonly files: OpenedFiles;
  readonly client: PlainClient;
  readonly stop: () => Promise<void>;
}

/** Lets a client fetch a file that it does not read. */
async function openFile(): Promise<Opened> {
  const folder = makeFolder({ 'big.bin': '' });
  truncateSync(join(folder, 'big.bin'), 10_000_000);
  const web = await startWebServer({ rootFolder: folder });
  const files = new OpenedFiles();
  const client = await PlainClient.connect(web.HTTPPort);
  client.socket.pause();
  client.socket.write(plainRequest('/big.bin'));
  await files.atLeast(1);
  return { files, client, stop: () => web.stop() };
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

test('a file is closed with its answer, also where the library for files does not close it', async () => {
  library.isCareless = true;
  const { files, client } = await openFile();
  expect(files.openCount).toBe(1);
  client.socket.resetAndDestroy();
  await files.allClosed();
  expect(files.openCount).toBe(0);
});

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
