/** The example with Vite and React: built as its users build it, against its own server. */
import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { useBrowser } from '../helpers/browser.ts';
import { installTools, run } from '../helpers/packed-library.ts';
import { type Program, startExample } from '../helpers/program.ts';

const folder = join(import.meta.dirname, '../../examples/react-chat');

/** Why the example cannot be built; empty when it can. */
function install(): string {
  try {
    installTools(folder);
    return '';
  } catch (error) {
    return (error as Error).message.split('\n', 2).join(': ');
  }
}

function start(port: string): Promise<Program> {
  return startExample('examples/react-chat.ts', { env: { PORT: port } });
}

const missing = install();
const open = useBrowser();

test.skipIf(missing !== '')(`the chat with React talks, and comes back with its messages ${missing}`, async () => {
  run('npx', ['tsc'], folder);
  execFileSync('npx', ['vite', 'build'], {
    cwd: folder,
    stdio: 'pipe',
    env: { ...process.env, NODE_ENV: 'production' },
  });
  const server = await start('0');
  const url = await server.printed(/http:\/\/127\.0\.0\.1:\d+\//);
  const pages = [await open(url), await open(url)] as const;
  for (const { page } of pages) await page.getByText('Connected').waitFor();
  const say = async (text: string): Promise<void> => {
    await pages[0].page.getByLabel('Message', { exact: true }).fill(text);
    await pages[0].page.getByRole('button', { name: 'Send' }).click();
  };
  await say('hello');
  for (const { page } of pages) await page.getByRole('log').getByText('hello').waitFor();

  server.signal('SIGINT');
  await server.ended;
  for (const { page } of pages) await page.getByText('Connecting').waitFor();
  await say('while it was away');
  await start(new URL(url).port);
  await pages[0].page.getByRole('log').getByText('while it was away').waitFor();
  expect(await pages[0].page.getByRole('listitem').allInnerTexts()).toEqual(['hello', 'while it was away']);
});
