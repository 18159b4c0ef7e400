import { inspect } from 'node:util';
import { describe, expect, test } from 'vitest';
import { WebServer, WebSocket, type WebSocketConnection, WebSocketServer } from '../../src/index.ts';
import { recordingHandler } from '../../src/testing.ts';
import { startServerOf, startWebServer } from '../helpers/library-server.ts';
import { turns } from '../helpers/turns.ts';

const show = (value: unknown): string => inspect(value, { breakLength: Infinity, compact: true });

describe('4D-216 util.inspect shows', () => {
  test('a client in each state, without user, password and query', async () => {
    const handler = recordingHandler({ dataType: 'auto' });
    const { web } = await startServerOf(recordingHandler(), { protocols: ['chat'] });
    const url = `ws://ada:secret@127.0.0.1:${web.HTTPPort}/room?token=secret`;
    const ws = new WebSocket(url, handler, { protocols: ['chat'] });
    const shown = (status: string, protocol = '', bytes = 0): string =>
      `WebSocket { id: ${ws.id}, status: '${status}', url: 'ws://127.0.0.1:${web.HTTPPort}/room', ` +
      `dataType: 'auto',${protocol} bufferedBytes: ${bytes} }`;
    expect(show(ws)).toBe(shown('Connecting'));
    await ws.ready;
    expect(show(ws)).toBe(shown('Connected', " protocol: 'chat',"));
    ws.terminate();
    expect(show(ws)).toBe(shown('Closing', " protocol: 'chat',", 8));
    await handler.ended();
    expect(show(ws)).toBe(shown('Closed', " protocol: 'chat',"));
  });

  test.each(['no url, secret', 'mailto:ada:secret@example.com', 5, null, Symbol('secret')])(
    'a client whose URL cannot be used, without it: %s',
    async (url) => {
      const ws = new WebSocket(url as never, { onError() {} });
      const shown = (status: string): string =>
        `WebSocket { id: ${ws.id}, status: '${status}', dataType: 'text', bufferedBytes: 0 }`;
      expect(show(ws)).toBe(shown('Connecting'));
      await ws.ready;
      await turns(3);
      expect(show(ws)).toBe(shown('Closed'));
    },
  );

  test('a connection and its server, and not the data of the connection', async () => {
    const handler = recordingHandler({ onOpen: (ws) => ((ws as WebSocketConnection).data = 'secret') });
    const { wss, web, url } = await startServerOf(handler, { path: '/room/:name' });
    await using ws = await WebSocket.connect(`${url}/room/a?token=secret`, { headers: { cookie: 'secret' } });
    const connection = await handler.opened();
    expect(show(connection)).toBe(
      `WebSocketConnection { id: ${connection.id}, status: 'Connected', path: '/room/a', remoteAddress: '127.0.0.1', ` +
        'bufferedBytes: 0 }',
    );
    const server = (status: string, connections: number, at = ` url: '${url}/room/',`): string =>
      `WebSocketServer { status: '${status}', path: '/room/:name',${at} dataType: 'text', connections: ${connections} }`;
    expect(show(wss)).toBe(server('open', 1));
    expect(show(web)).toBe(
      `WebServer { name: '${web.name}', isRunning: true, HTTPPort: ${web.HTTPPort}, webSocketServers: 1 }`,
    );
    await web.stop();
    expect(show(wss)).toBe(server('over', 0, ''));
    expect(show(web)).toContain('isRunning: false');
    expect(ws.status).toBe('Closed');
  });

  test('the name of a subclass, and that name alone where depth ends', async () => {
    class Room extends WebSocket {
      readonly token = 'secret';
    }
    await using ws = new Room('ws://127.0.0.1:1/', { onError() {} });
    expect(show(ws)).toMatch(/^Room \{ id: \d+, status: 'Connecting', [^]* \}$/);
    expect(show(ws)).not.toContain('secret');
    expect(inspect([{ ws }], { depth: 0 })).toBe('[ [Object] ]');
    expect(inspect([ws], { depth: 0 })).toBe('[ [Room] ]');
    expect(inspect([ws], { depth: 0, colors: true })).toBe('[ \u001B[36m[Room]\u001B[39m ]');
    expect(inspect(ws, { colors: true })).toContain("status: \u001B[32m'Connecting'\u001B[39m");
    expect(Object.keys(ws)).toEqual(['token']);
  });

  test('something, and never throws, for what only looks like one', async () => {
    const web = await startWebServer();
    const wss = WebSocketServer.new({ onConnection: () => null }, { webServer: web })!;
    for (const it of [new WebServer(), wss]) {
      const { name } = it.constructor;
      expect(show(new Proxy(it, {}))).toBe(`${name} {}`);
      expect(show(Object.create(it))).toBe(`${name} {}`);
      expect(show(Object.create(it, { constructor: { value: { name: 5 } } }))).toBe(`${name} {}`);
      expect(show(Object.getPrototypeOf(it))).toBeTypeOf('string');
      const custom = (it as unknown as Record<symbol, () => string>)[inspect.custom]!;
      expect(custom.call(it)).toContain(`${name} {`);
    }
  });
});
