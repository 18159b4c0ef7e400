import { cpSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { makeFolder } from '../helpers/folder.ts';
import { startProgram } from '../helpers/program.ts';
import { UndiciPeer } from '../helpers/undici-peer.ts';

const root = join(import.meta.dirname, '../..');

/** Copies the project as it is after `npm ci`, so that builds of the test do not touch the real dist/. */
function copyProject(): string {
  const folder = makeFolder();
  for (const name of ['src', 'examples', 'scripts', 'package.json', 'tsconfig.json', 'tsconfig.build.json']) {
    cpSync(join(root, name), join(folder, name), { recursive: true, filter: (path) => !path.includes('beside') });
  }
  symlinkSync(join(root, 'node_modules'), join(folder, 'node_modules'), 'junction');
  return folder;
}

test(
  'npm start builds, serves the chat, prints how to join it from a shell, and ends on Ctrl-C',
  { timeout: 120_000 },
  async () => {
    const cwd = copyProject();
    const chat = await startProgram('npm', { args: ['start'], cwd, env: { PORT: '0' } });
    const url = await chat.printed(/in a browser: +(http:\/\/127\.0\.0\.1:\d+\/)/);
    const page = await fetch(url);
    expect(await page.text()).toContain('<title>Chat</title>');
    const client = await fetch(`${url}4d-websocket.js`);
    expect(await client.text()).toContain('4d-topics.1');
    // A client without topics is told who it is, and no more.
    const browser = new UndiciPeer(url.replace('http:', 'ws:'));
    expect(JSON.parse(String(await browser.messages.next()))).toMatchObject({ type: 'welcome' });

    const command = await chat.printed(/in the shell: +(.+)/);
    const shell = await startProgram('sh', { args: ['-c', `exec ${command}`], cwd });
    await shell.printed(/You are Guest 2/);
    shell.type('hello from the shell');
    await shell.printed(/Me: hello from the shell/);
    shell.endInput();
    expect(await shell.ended).toEqual({ code: 0, signal: null });

    chat.signal('SIGINT');
    expect(await browser.closed).toMatchObject({ code: 1012, wasClean: true });
    // The exit code is that of npm and its shell; test/examples/chat.test.ts checks the code of the chat itself.
    await chat.ended;
    expect(chat.lines.at(-1)).toBe('Stopped');
  },
);
