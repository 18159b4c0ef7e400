import { createServer } from 'node:http';
import { expect, test } from 'vitest';
import { refuse, WebSocketServer } from '../../src/index.ts';
import { useBrowser } from '../helpers/browser.ts';
import { listen } from '../helpers/transport-pairs.ts';

const open = useBrowser();
const DOOR = { onConnection: () => refuse(401, { closeCode: 4401, reason: 'sign in' }) };

test.each([[[]], [['chat']], [['bearer.secret', 'chat']]])(
  '4D-224 a page in a browser sees close code and reason; it offers %j',
  async (protocols) => {
    const http = createServer((_, response) => response.setHeader('content-type', 'text/html').end('<title>a</title>'));
    const port = await listen(http);
    WebSocketServer.new(DOOR, { webServer: http, compression: true });
    const { page } = await open(`http://localhost:${port}/`);
    const seen = await page.evaluate(
      ([url, offered]) =>
        new Promise((resolve) => {
          const events: unknown[] = [];
          const ws = new WebSocket(url, offered);
          ws.addEventListener('open', ({ type }) => events.push(type));
          ws.addEventListener('error', ({ type }) => events.push(type));
          ws.addEventListener('close', ({ code, reason, wasClean }) => resolve([...events, code, reason, wasClean]));
        }),
      [`ws://localhost:${port}/`, protocols] as const,
    );
    expect(seen).toEqual(['open', 4401, 'sign in', true]);
  },
);
