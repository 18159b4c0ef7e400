import { describe, expect, test } from 'vitest';
import { WebSocket } from '../../src/index.ts';
import { startAnsweringServer, switchingProtocols } from '../helpers/answering-server.ts';

describe('responseHeaders', () => {
  const expected = {
    upgrade: 'websocket',
    connection: 'Upgrade',
    'sec-websocket-accept': expect.any(String) as string,
  };

  test.each([
    ['in the plain form', { 'X-Served-By': 'a' }, { 'x-served-by': 'a' }],
    // Only node:http reads an answer with a repeated header.
    ['with a repeated header', { 'Set-Cookie': 'a=1\r\nSet-Cookie: b=2' }, { 'set-cookie': ['a=1', 'b=2'] }],
    ['with the name of a prototype', { ['__proto__']: 'x' }, { ['__proto__']: 'x' }],
  ])('4D-203 are those of the 101: %s', async (_what, sent, received) => {
    const port = await startAnsweringServer(
      (socket, { accept }) => void socket.write(switchingProtocols(accept, sent)),
    );
    let seen: unknown;
    const ws = new WebSocket(`ws://127.0.0.1:${port}`, { onOpen: ({ responseHeaders }) => (seen = responseHeaders) });
    expect(ws.responseHeaders).toBeUndefined();
    await ws.ready;
    const { responseHeaders } = ws;
    expect(Object.entries(responseHeaders!)).toEqual(
      expect.arrayContaining(Object.entries({ ...expected, ...received })),
    );
    expect([Object.isFrozen(responseHeaders), Object.getPrototypeOf(responseHeaders)]).toEqual([true, null]);
    expect(ws.responseHeaders).toBe(seen);
    ws.destroy();
  });

  test('4D-203 are those of the newest 101 after a reconnection, and stay when the client has ended', async () => {
    let count = 0;
    const port = await startAnsweringServer((socket, { accept }) => {
      socket.write(switchingProtocols(accept, { 'X-Count': String(++count) }));
      if (count === 1) socket.destroySoon();
    });
    const seen: unknown[] = [];
    const note = (ws: WebSocket): void => void seen.push(ws.responseHeaders!['x-count']);
    await new Promise<void>((resolve) => {
      void new WebSocket(
        `ws://127.0.0.1:${port}`,
        {
          onOpen: note,
          onDisconnect: note,
          onReconnect(ws) {
            note(ws);
            ws.destroy();
          },
          onTerminate(ws) {
            note(ws);
            resolve();
          },
        },
        { reconnect: { minDelayMs: 1, maxDelayMs: 1 } },
      );
    });
    expect(seen).toEqual(['1', '1', '2', '2']);
  });
});
