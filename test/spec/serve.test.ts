import { once } from 'node:events';
import { createServer } from 'node:http';
import { createServer as createTcpServer, type AddressInfo } from 'node:net';
import { join } from 'node:path';
import { AsyncLocalStorage } from 'node:async_hooks';
import { describe, expect, onTestFinished, test } from 'vitest';
import {
  currentProcessName,
  ek,
  type ErrorItem,
  FourDError,
  lastErrors,
  type ServeOptions,
  tryExpr,
  WebSocket,
  type WebSocketOptions,
  WebSocketServer,
} from '../../src/index.ts';
import { timers } from '../../src/base/timers.ts';
import { recordingHandler, recordingServerHandler, type RecordingServerHandler } from '../../src/testing.ts';
import { useFakeClock } from '../helpers/fake-clock.ts';
import { makeCertificate } from '../helpers/certificate.ts';
import { makeCertificateFolder } from '../helpers/certificate-folder.ts';
import { recordErrors } from '../helpers/error-handlers.ts';
import { makeFolder } from '../helpers/folder.ts';
import { requestPath } from '../helpers/http.ts';
import { startServerOf, startWebServer } from '../helpers/library-server.ts';
import { RawClient } from '../helpers/raw-client.ts';
import { listen } from '../helpers/transport-pairs.ts';
import { turns } from '../helpers/turns.ts';
import { endWorker, runInWorker, workerName } from '../helpers/workers.ts';

const echo = {
  onConnection: () => ({ onMessage: (ws: { send(text: string): void }, { data }: { data: string }) => ws.send(data) }),
};

/** A server that ends with the test. */
async function serve(
  handler: RecordingServerHandler<unknown>,
  options: ServeOptions = {},
): Promise<WebSocketServer<unknown>> {
  const wss = await WebSocketServer.serve(handler, { ...options, dataType: 'text' as 'object' });
  onTestFinished(() => wss.terminate(0));
  return wss;
}

function portOf(wss: WebSocketServer<unknown>): number {
  return Number(new URL(wss.url!).port);
}

/** Listens on a port of all addresses for a moment. Rejects when the port is taken. */
async function takePort(port: number): Promise<void> {
  const server = createTcpServer();
  await listen(server, { port });
  server.close();
  await once(server, 'close');
}

function isFree(port: number): Promise<boolean> {
  return takePort(port).then(
    () => true,
    () => false,
  );
}

/** Fails when no client can connect. */
async function expectOpen(url: string, options: WebSocketOptions = {}): Promise<void> {
  await using ws = await WebSocket.connect(url, {}, options);
  expect(ws.status).toBe('Connected');
}

/** Counts what this process has open. */
function countOf(kind: 'TCPServerWrap' | 'TCPSocketWrap'): number {
  return process.getActiveResourcesInfo().filter((name) => name === kind).length;
}

/** Returns the error of a promise that must reject with a FourDError, and that the error operation must not see. */
async function rejectionOf(begin: () => Promise<unknown>): Promise<FourDError> {
  const seen: ErrorItem[][][] = [recordErrors(), recordErrors(ek.global)];
  let error: unknown;
  const caught = async (): Promise<void> => {
    await begin().catch((thrown: unknown) => {
      error = thrown;
    });
    expect(lastErrors()).toBeNull();
  };
  await caught();
  await tryExpr(caught);
  expect(lastErrors()).toBeNull();
  expect(seen).toEqual([[], []]);
  expect(error).toBeInstanceOf(FourDError);
  return error as FourDError;
}

describe('WebSocket.connect', () => {
  test('4D-218 resolves to the connected socket when onOpen has run; the handler may be left out', async () => {
    const { url } = await startServerOf({ onMessage() {} });
    const handler = recordingHandler();
    const ws = await WebSocket.connect(url, handler as object);
    expect([ws.status, ws.handler, handler.callbacks]).toEqual(['Connected', handler, ['onOpen']]);
    const connect = Reflect.get(WebSocket, 'connect');
    await using bare = await connect(url);
    expect(bare).toBeInstanceOf(WebSocket);
    ws.terminate();
    await handler.ended();
  });

  test('4D-218 a failure rejects with the error alone, and runs no callback', async () => {
    const { url } = await startServerOf({ onMessage() {} }, { maxConnections: 1 });
    await using other = await WebSocket.connect(url);
    expect(other.status).toBe('Connected');
    const port = await closedPort();
    const handler = recordingHandler();
    const failures: [code: string, url: string, options: object][] = [
      ['ERR_CONNECT_FAILED', `ws://127.0.0.1:${port}/`, {}],
      ['ERR_HANDSHAKE_REFUSED', url, {}],
      ['ERR_INVALID_URL', 'http:', {}],
      ['ERR_INVALID_OPTION', url, { pongTimeout: 1 }],
      ['ERR_ABORTED', url, { signal: AbortSignal.abort() }],
    ];
    for (const [code, target, options] of failures) {
      expect((await rejectionOf(() => WebSocket.connect(target, handler as object, options))).code).toBe(code);
    }
    await turns();
    expect(handler.callbacks).toEqual([]);
  });

  test('4D-218 rejects when its worker is killed meanwhile, and when the signal is aborted', async () => {
    const server = createTcpServer();
    const port = await listen(server, { port: 0, host: '127.0.0.1' }).then(
      () => (server.address() as AddressInfo).port,
    );
    onTestFinished(() => void server.close());
    const name = workerName();
    const handler = recordingHandler();
    const url = `ws://127.0.0.1:${port}/`;
    const connecting = new Promise<unknown>((resolve) => {
      void runInWorker(name, () => void WebSocket.connect(url, handler as object).catch(resolve));
    });
    const [first] = (await once(server, 'connection')) as [{ destroy(): void }];
    await endWorker(name);
    expect(await connecting).toMatchObject({ code: 'ERR_CONNECT_FAILED', endCause: 'worker' });
    const aborting = new AbortController();
    const aborted = WebSocket.connect(url, handler as object, { signal: aborting.signal });
    const [second] = (await once(server, 'connection')) as [{ destroy(): void }];
    aborting.abort();
    await expect(aborted).rejects.toMatchObject({ code: 'ERR_ABORTED' });
    for (const socket of [first, second]) socket.destroy();
    expect(handler.callbacks).toEqual([]);
  });

  test('4D-218 of a class that extends WebSocket makes an object of that class', async () => {
    class Caller extends WebSocket {
      call(): void {
        this.send('ahoy');
      }
    }
    const server = recordingHandler();
    const { url } = await startServerOf(server);
    await using caller = await Caller.connect(url);
    caller.call();
    expect(await server.nextMessage()).toBe('ahoy');
  });
});

/** Returns a port that nothing listens on. */
async function closedPort(): Promise<number> {
  const server = createTcpServer();
  await listen(server, { port: 0, host: '127.0.0.1' });
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}

describe('WebSocketServer.serve', () => {
  test('4D-218 listens on any free port of all addresses, and resolves before onOpen', async () => {
    const handler = recordingServerHandler({ onOpen: (opened) => expect(opened).toBe(wss) });
    const wss = await serve(handler);
    expect(handler.callbacks).toEqual([]);
    await handler.opened();
    expect(wss).toBeInstanceOf(WebSocketServer);
    expect(wss.url).toMatch(/^ws:\/\/localhost:[1-9]\d*\/$/);
    for (const host of ['localhost', '127.0.0.1', '127.0.0.2']) {
      await expectOpen(`ws://${host}:${portOf(wss)}/any/path`);
    }
  });

  test('4D-218 takes port, host and the options of a server', async () => {
    const port = await closedPort();
    const handler = recordingServerHandler();
    const given = { port, host: '127.0.0.1', path: '/chat', maxConnections: 1, handshakeTimeoutMs: 400 };
    const wss = await serve(handler, given);
    expect(wss.url).toBe(`ws://127.0.0.1:${port}/chat`);
    await using ws = await WebSocket.connect(wss.url!);
    ws.send('hello');
    expect(await (await handler.nextHandler()).nextMessage()).toBe('hello');
    await expect(WebSocket.connect(wss.url!)).rejects.toMatchObject({ httpStatus: 503 });
    await expect(WebSocket.connect(`ws://127.0.0.1:${port}/`)).rejects.toMatchObject({ httpStatus: 404 });
    await expect(WebSocket.connect(`ws://127.0.0.2:${port}/chat`)).rejects.toMatchObject({
      code: 'ERR_CONNECT_FAILED',
    });
    // As on a WebServer, handshakeTimeoutMs bounds the wait for the request too.
    const silent = await RawClient.connect(port);
    silent.socket.write('GET /chat HTTP/1.1\r\n');
    expect((await silent.answered).status).toBe(408);
  });

  test('4D-218 with tls it speaks wss, with rootFolder it serves files', async () => {
    const { key, cert } = makeCertificate();
    const rootFolder = makeFolder({ 'index.html': '<p>hello' });
    const wss = await serve(recordingServerHandler(), {
      tls: { key: new DataView(Uint8Array.from(Buffer.from(key)).buffer) as never, cert: Buffer.from(cert) },
    });
    expect(wss.url).toMatch(/^wss:\/\/localhost:\d+\/$/);
    await expectOpen(wss.url!, { tls: { ca: cert } });
    const files = await serve(recordingServerHandler(), { rootFolder, host: '127.0.0.1' });
    expect(await (await fetch(files.url!.replace('ws:', 'http:'))).text()).toBe('<p>hello');
    await expectOpen(files.url!);
  });

  test('4D-218 lets hosts hold for files too, but behind trusted proxies', async () => {
    const rootFolder = makeFolder({ 'index.html': '<p>hello' });
    const statusesOf = async (options: ServeOptions): Promise<unknown[]> => {
      const port = portOf(await serve(recordingServerHandler(), { rootFolder, host: '127.0.0.1', ...options }));
      const file = await requestPath(port, '/', { headers: { host: 'evil.example' } });
      const upgrade = await RawClient.request(port, { without: ['Host'], headers: ['Host: evil.example'] });
      return [file.status, (await upgrade.answered).status];
    };
    const hosts = ['localhost'];
    expect(await statusesOf({})).toEqual([200, 101]);
    expect(await statusesOf({ hosts })).toEqual([421, 421]);
    expect(await statusesOf({ hosts, trustedProxies: ['10.0.0.1'] })).toEqual([200, 421]);
  });

  test('4D-218 belongs to the worker and the contexts in which it was called', async () => {
    const user = new AsyncLocalStorage<string>();
    const name = workerName();
    const seen = await new Promise<unknown>((resolve) => {
      const onOpen = (): void => resolve([currentProcessName(), user.getStore()]);
      void runInWorker(name, () => user.run('ada', () => void serve(recordingServerHandler({ onOpen }))));
    });
    expect(seen).toEqual([name, 'ada']);
  });

  test('4D-218 a start that fails rejects with the error alone, and leaves nothing open', async () => {
    const { key, cert } = makeCertificate();
    const foreign = makeCertificate();
    const file = join(makeFolder({ 'a.txt': '' }), 'a.txt');
    const taken = await serve(recordingServerHandler(), { host: '127.0.0.1' });
    await turns(5);
    const before = countOf('TCPServerWrap');
    const failures: [code: string, words: string, options: object, handler?: object][] = [
      ['ERR_WEB_SERVER_LISTEN', 'choose another one, or 0', { port: portOf(taken), host: '127.0.0.1' }],
      ['ERR_WEB_SERVER_LISTEN', 'does not have this address', { host: '192.0.2.1' }],
      ['ERR_WEB_SERVER_CERTIFICATE', 'tls.key and tls.cert', { tls: { key: foreign.key, cert } }],
      ['ERR_WEB_SERVER_CERTIFICATE', 'tls.key and tls.cert', { tls: { key: 'key', cert } }],
      ['ERR_INVALID_OPTION', 'tls.cert must be', { tls: { key } }],
      ['ERR_INVALID_OPTION', 'tls.ca', { tls: { key, cert, ca: cert } }],
      ['ERR_INVALID_OPTION', 'tls must be', { tls: true }],
      ['ERR_INVALID_OPTION', 'rootFolder cannot be served: ENOENT', { rootFolder: `${file}.d` }],
      ['ERR_INVALID_OPTION', 'is no folder', { rootFolder: file }],
      ['ERR_INVALID_OPTION', 'rootFolder must be', { rootFolder: '' }],
      ['ERR_INVALID_OPTION', 'port must be a whole number, from 0 to 65535', { port: '8080' }],
      ['ERR_INVALID_OPTION', 'port must be', { port: 65_536 }],
      ['ERR_INVALID_OPTION', 'host must be', { host: 1 }],
      ['ERR_INVALID_OPTION', 'did you mean "port"', { prot: 8080 }],
      ['ERR_INVALID_OPTION', 'WebSocketServer.new()', { webServer: createServer() }],
      ['ERR_INVALID_OPTION', 'did you mean "maxConnections"', { maxConnection: 1 }],
      ['ERR_INVALID_DATA_TYPE', 'dataType', { dataType: 'json' }],
      ['ERR_INVALID_HANDLER', 'onConnection', {}, { onMessage() {} }],
    ];
    for (const [code, words, options, handler = echo] of failures) {
      const error = await rejectionOf(() => WebSocketServer.serve(handler as typeof echo, options));
      expect([error.code, error.message]).toEqual([code, expect.stringContaining(words)]);
      // Its stack leads to the call, also when the failure came from the event loop.
      expect(error.stack).toContain('serve.test.ts');
      await turns(5);
      expect(countOf('TCPServerWrap')).toBe(before);
    }
  });

  test('4D-218 a class whose constructor throws leaves nothing open', async () => {
    // @ts-expect-error -- the constructor is private
    class Failing extends WebSocketServer {
      constructor(handler: never, options: never) {
        super(handler, options);
        throw new Error('no');
      }
    }
    await turns(5);
    const before = countOf('TCPServerWrap');
    await expect(Failing.serve(echo)).rejects.toThrow('no');
    await turns(5);
    expect(countOf('TCPServerWrap')).toBe(before);
  });

  const endings: [name: string, end: (wss: WebSocketServer<unknown>) => unknown][] = [
    ['terminate()', (wss) => wss.terminate()],
    ['terminate(0)', (wss) => wss.terminate(0)],
    ['drain()', (wss) => wss.drain()],
    ['await using', (wss) => wss[Symbol.asyncDispose]()],
  ];

  test.each(endings)('4D-218 stops listening when onTerminate has run: %s', async (_, end) => {
    let port = 0;
    const handler = recordingServerHandler({
      onTerminate: async (wss) => {
        await turns();
        expect(wss.url).toContain(`:${port}/`);
      },
    });
    const wss = await serve(handler);
    port = portOf(wss);
    // An idle connection between two requests, and a socket that asks for nothing.
    await fetch(`http://127.0.0.1:${port}/`);
    const silent = await RawClient.connect(port);
    const ws = await WebSocket.connect(wss.url!);
    const ended = await end(wss);
    if (ended === undefined && handler.callbacks.at(-1) !== 'onTerminate') await handler.ended();
    else expect(handler.callbacks.at(-1)).toBe('onTerminate');
    if (ended === undefined) while (!(await isFree(port))) await turns();
    await takePort(port);
    expect(wss.url).toContain(`:${port}/`);
    await silent.ended;
    expect(['Closing', 'Closed']).toContain(ws.status);
  });

  test('4D-218 drain() resolves when the HTTP server is closed, also while a refused client does not go', async () => {
    const wss = await serve(recordingServerHandler({ onConnection: () => null }));
    const port = portOf(wss);
    const refused = await RawClient.request(port);
    expect((await refused.answered).status).toBe(403);
    const [sockets, start] = [countOf('TCPSocketWrap'), performance.now()];
    expect(await wss.drain()).toEqual({ closed: 0, dropped: 0 });
    expect(performance.now() - start).toBeLessThan(2000);
    await turns(2);
    expect(countOf('TCPSocketWrap')).toBeLessThan(sockets);
    await takePort(port);
  });

  test('4D-218 stops listening when it is terminated within onOpen', async () => {
    // Time stands still: it is no deadline that ends connections and server.
    useFakeClock();
    const handler = recordingServerHandler({ onOpen: (opened) => opened.terminate() });
    const wss = await serve(handler);
    const silent = await RawClient.connect(portOf(wss));
    const port = portOf(wss);
    await wss.drain();
    expect([handler.callbacks, timers.pendingTicks]).toEqual([['onOpen', 'onTerminate'], 0]);
    await silent.ended;
    await takePort(port);
  });

  test('4D-218 stops listening when its worker is killed, also while it starts', async () => {
    const name = workerName();
    const handler = recordingServerHandler();
    const wss = await runInWorker(name, () => serve(handler));
    const port = portOf(wss);
    await endWorker(name);
    expect(handler.callbacks).toEqual(['onOpen', 'onTerminate']);
    while (!(await isFree(port))) await turns();

    let starting: Promise<WebSocketServer<unknown>> | undefined;
    await runInWorker(name, () => {
      starting = serve(handler);
    });
    await endWorker(name);
    const late = await starting!;
    // Nobody ends it but the worker.
    while (!(await isFree(portOf(late)))) await turns();
    expect(late.terminated).toBe(true);
  });
});

function newServer(webServer: object, path?: string): WebSocketServer {
  return WebSocketServer.new(echo, { webServer: webServer as ReturnType<typeof createServer>, path })!;
}

describe('url', () => {
  test('4D-218 of a WebServer tells the address, with HTTPS that of HTTPS', async () => {
    const web = await startWebServer();
    expect(newServer(web, '/a').url).toBe(`ws://127.0.0.1:${web.HTTPPort}/a`);
    const everywhere = await startWebServer({ IPAddressToListen: '0.0.0.0' });
    expect(newServer(everywhere).url).toBe(`ws://localhost:${everywhere.HTTPPort}/`);
    const { certificateFolder } = makeCertificateFolder();
    const both = await startWebServer({ HTTPSEnabled: true, HTTPSPort: 0, certificateFolder });
    const wss = newServer(both);
    expect(wss.url).toBe(`wss://127.0.0.1:${both.HTTPSPort}/`);
    await both.stop();
    expect(wss.url).toBeUndefined();
  });

  test('4D-218 has the literal start of a pattern, as it stands in a URL', async () => {
    const web = await startWebServer();
    const start = `ws://127.0.0.1:${web.HTTPPort}`;
    const expected = {
      'my chat/': '/my%20chat',
      '/caf%C3%A9': '/caf%C3%A9',
      '/a/:b/c': '/a/',
      '/': '/',
      '/:x': '/',
      '/f/*': '/f/',
    };
    for (const [path, url] of Object.entries(expected)) expect(newServer(web, path).url).toBe(`${start}${url}`);
    await expectOpen(`${start}/my%20chat`);
    expect(newServer(web, '/a%2Fb/%zz').url).toBe(`${start}/a%2Fb/%25zz`);
    await expectOpen(`${start}/a%2Fb/%25zz`);
  });

  test('4D-218 of a server of Node is undefined until it listens, and on a Unix socket', async () => {
    const http = createServer();
    const wss = newServer(http, '/chat');
    expect(wss.url).toBeUndefined();
    await listen(http, { port: 0, host: '::1' });
    expect(wss.url).toBe(`ws://[::1]:${(http.address() as AddressInfo).port}/chat`);
    const unix = createServer();
    await listen(unix, { path: join(makeFolder(), 'socket') });
    expect(newServer(unix).url).toBeUndefined();
    const broken = Object.assign(createServer(), {
      address: () => {
        throw new Error('no');
      },
    });
    expect(newServer(broken).url).toBeUndefined();
  });
});
