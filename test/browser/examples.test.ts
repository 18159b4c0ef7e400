import { copyFile, cp, mkdtemp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { useBrowser } from '../helpers/browser.ts';
import { startLibraryServer } from '../helpers/library-server.ts';
import { startExample } from '../helpers/program.ts';
import { WebSocket } from '../../src/index.ts';
import { recordingHandler } from '../../src/testing.ts';

const open = useBrowser();

test("4D-177 the page of E8 with the browser's own WebSocket works in two tabs", async () => {
  const program = await startExample('examples/e8-browser-page.ts');
  const url = await program.printed(/http:\/\/127\.0\.0\.1:\d+\//);
  const first = await open(url);
  await first.page.getByText('Welcome on the chat!').waitFor();
  const second = await open(url);
  await first.page.getByText('New client connected').waitFor();
  await second.page.getByLabel('Message', { exact: true }).fill('hello <b>you</b>');
  await second.page.keyboard.press('Enter');
  await first.page.getByText('hello <b>you</b>').waitFor();
  await second.page.close();
  await first.page.getByText('Client disconnected').waitFor();
  program.signal('SIGINT');
  await first.page.getByText('Connection closed (1001)').waitFor();
  expect(await first.page.getByRole('log').innerText()).toBe(
    'Welcome on the chat!\nNew client connected\nhello <b>you</b>\nClient disconnected\nConnection closed (1001)',
  );
  expect(await program.ended).toEqual({ code: 0, signal: null });
  expect([...first.problems, ...second.problems]).toEqual([]);
});

test('the page of rooms says who is here and what is said, and the connection comes back', async () => {
  const root = join(import.meta.dirname, '../..');
  // Below the project, where the program finds tsx.
  const folder = await mkdtemp(join(root, 'node_modules/.rooms-'));
  onTestFinished(() => rm(folder, { recursive: true }));
  await cp(join(root, 'examples/topics/public'), join(folder, 'public'), { recursive: true });
  await copyFile(join(root, 'dist/browser-topics.mjs'), join(folder, 'public/browser-topics.mjs'));
  const server = join(root, 'examples/topics/server.ts');
  const env = { TSX_TSCONFIG_PATH: join(root, 'tsconfig.json') };
  const program = await startExample(server, { cwd: folder, env });
  const url = (await program.printed(/ws:\/\/\S+/)).replace('ws:', 'http:');
  const ann = await open(`${url}?name=Ann`);
  await ann.page.locator('#here', { hasText: 'Ann' }).waitFor();
  await ann.page.locator('input').fill('hello <b>you</b>');
  await ann.page.keyboard.press('Enter');
  const bob = await open(`${url}?name=Bob`);
  await bob.page.getByText('Ann: hello <b>you</b>').waitFor();
  await ann.page.locator('#here', { hasText: 'Bob' }).waitFor();
  await program.kill();
  await bob.page.getByText('connection lost, trying again').waitFor();
  await startExample(server, { cwd: folder, env: { ...env, PORT: new URL(url).port } });
  await bob.page.getByText('room/tea: gap').waitFor();
  expect(await bob.page.locator('#messages').innerText()).toBe('Ann: hello <b>you</b>\nmessages are missing here');
});

test('4D-175 a client of the library and one in a browser talk to each other', async () => {
  const program = await startExample('examples/e6-object-chat.ts');
  const url = await program.printed(/http:\/\/127\.0\.0\.1:\d+\//);
  const { page, problems } = await open(url);
  await page.getByText('You joined as Client 1').waitFor();
  const handler = recordingHandler({ dataType: 'object' });
  const ws = await WebSocket.new(url.replace('http', 'ws'), handler);
  await page.getByText('Client 2 joined').waitFor();
  ws!.send({ text: 'hello from the library' });
  await page.getByText('hello from the library').waitFor();
  await page.getByLabel('Message', { exact: true }).fill('hello from the browser');
  await page.keyboard.press('Enter');
  await page.locator('.mine', { hasText: 'hello from the browser' }).waitFor();
  ws!.terminate();
  await page.getByText('Client 2 left').waitFor();
  expect(problems).toEqual([]);
});

test('4D-098 a tab that closes gives onTerminate with 1001 and no onError', async () => {
  const handler = recordingHandler();
  const { web } = await startLibraryServer(() => handler);
  // Any page of the host will do, even its 404 page.
  const { page } = await open(`http://127.0.0.1:${web.HTTPPort}/`);
  await page.evaluate(async () => {
    const ws = new globalThis.WebSocket(String(Reflect.get(globalThis, 'location')).replace('http', 'ws'));
    await new Promise((resolve) => {
      ws.addEventListener('open', resolve);
    });
  });
  await page.close();
  expect(await handler.ended()).toMatchObject({ code: 1001, wasClean: true });
  expect(handler.errors).toEqual([]);
});
