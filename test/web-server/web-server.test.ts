import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { Agent, type IncomingMessage } from 'node:http';
import { connect, createServer, type Socket } from 'node:net';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import { lastErrors, tryExpr, WebServer, type WebServerSettings, webServer, WebSocketServer } from '../../src/index.ts';
import { recordingHandler, recordingServerHandler } from '../../src/testing.ts';
import { makeCertificate } from '../helpers/certificate.ts';
import { makeCertificateFolder } from '../helpers/certificate-folder.ts';
import { createDeferred } from '../helpers/deferred.ts';
import { useFakeClock } from '../helpers/fake-clock.ts';
import { makeFolder } from '../helpers/folder.ts';
import { beginRequest, requestPath } from '../helpers/http.ts';
import { startWebServer } from '../helpers/library-server.ts';
import { connectPeer } from '../helpers/peer.ts';
import { RawClient } from '../helpers/raw-client.ts';
import { findClosedPort } from '../helpers/raw-server.ts';
import { turns } from '../helpers/turns.ts';

const LOCAL: WebServerSettings = { HTTPPort: 0, IPAddressToListen: '127.0.0.1' };

function createWebServer(settings: WebServerSettings = {}): WebServer {
  const web = new WebServer({ ...LOCAL, ...settings });
  onTestFinished(() => web.stop());
  return web;
}

/** Listens on a port until the test ends, and returns the port. */
async function occupyPort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(async () => {
    server.close();
    await once(server, 'close');
  });
  return (server.address() as { port: number }).port;
}

/** Opens a TCP connection, which ends with the test. */
async function connectTo(port: number): Promise<Socket> {
  const socket = connect({ port, host: '127.0.0.1' });
  // Node emits 'close' after every 'error'.
  socket.on('error', () => {});
  onTestFinished(() => void socket.destroy());
  await once(socket, 'connect');
  return socket;
}

/** Returns a function that tells whether a promise is settled. */
function watch(promise: Promise<unknown>): () => boolean {
  let isSettled = false;
  const settle = (): void => {
    isSettled = true;
  };
  promise.then(settle, settle);
  return () => isSettled;
}

async function expectFree(port: number): Promise<void> {
  const server = createServer().listen(port, '127.0.0.1');
  await once(server, 'listening');
  server.close();
  await once(server, 'close');
}

const succeeded = { success: true };
const failedWith = (errCode: number, message = ''): object => ({
  success: false,
  errors: [{ errCode, message: expect.stringContaining(message) as string, componentSignature: 'HTTP' }],
});

describe('start', () => {
  test('twice at once: one starts, the other fails', async () => {
    const web = createWebServer();
    const results = await Promise.all([web.start(), web.start({ name: 'second' })]);
    expect(results).toEqual([succeeded, failedWith(-20_002)]);
    expect(web.isRunning).toBe(true);
    expect(web.name).toBe('default');
  });

  test('during stop waits until the server has stopped', async () => {
    const web = createWebServer();
    const peerAnswers = createDeferred();
    await web.start();
    const port = web.HTTPPort;
    const server = recordingServerHandler({ onTerminate: () => peerAnswers.promise });
    WebSocketServer.new(server, { webServer: web });
    await server.opened();
    const stopping = web.stop();
    const starting = web.start({ HTTPPort: port });
    const isStarted = watch(starting);
    await turns();
    expect([isStarted(), web.isRunning]).toEqual([false, false]);
    expect(await web.start()).toEqual(failedWith(-20_002));
    peerAnswers.resolve();
    await stopping;
    expect(await starting).toEqual(succeeded);
    expect([web.isRunning, web.HTTPPort]).toEqual([true, port]);
    expect((await requestPath(port, '/')).status).toBe(404);
  });

  test('again on the same port', async () => {
    const web = createWebServer({ HTTPPort: await findClosedPort() });
    for (let i = 0; i < 3; i++) {
      expect(await web.start()).toEqual(succeeded);
      // A used connection must not keep the port busy.
      await requestPath(web.HTTPPort, '/');
      await web.stop();
    }
    expect(web.isRunning).toBe(false);
  });

  test('with wrong settings fails without rejecting, and starts nothing', async () => {
    const web = createWebServer();
    expect(await web.start({ HTTPPort: -1 })).toEqual(failedWith(-20_008, 'HTTPPort'));
    expect(await web.start({ port: 80 } as WebServerSettings)).toEqual(failedWith(-20_008, '"port"'));
    expect(await web.start(null as never)).toEqual(failedWith(-20_008, 'must be an object'));
    expect(await web.start({ HTTPEnabled: false })).toEqual(failedWith(-20_008, 'both false'));
    expect(web.isRunning).toBe(false);
    expect(await web.start()).toEqual(succeeded);
  });

  test('on an address of another machine fails', async () => {
    const web = createWebServer();
    expect(await web.start({ IPAddressToListen: '192.0.2.1' })).toEqual(failedWith(-20_003, '192.0.2.1, port 0'));
    expect(await web.start({ IPAddressToListen: 'a\0b' })).toEqual(failedWith(-20_003));
    expect(await web.start()).toEqual(succeeded);
  });

  test('with a busy HTTPS port fails and frees the HTTP port', async () => {
    const { certificateFolder } = makeCertificateFolder();
    const [free, busy] = [await findClosedPort(), await occupyPort()];
    const web = createWebServer({ HTTPPort: free, HTTPSEnabled: true, HTTPSPort: busy, certificateFolder });
    expect(await web.start()).toEqual(failedWith(-20_003, `port ${busy}`));
    expect([web.isRunning, web.httpServers.length]).toEqual([false, 0]);
    await expectFree(free);
    expect(await web.start({ HTTPSPort: 0 })).toEqual(succeeded);
  });

  test.each<[string, (folder: string) => void]>([
    ['no file', () => {}],
    ['no key.pem', (folder) => writeFileSync(join(folder, 'cert.pem'), makeCertificate().cert)],
    ['no cert.pem', (folder) => writeFileSync(join(folder, 'key.pem'), makeCertificate().key)],
    [
      'files that are no PEM',
      (folder) => {
        writeFileSync(join(folder, 'key.pem'), 'not a key');
        writeFileSync(join(folder, 'cert.pem'), 'not a certificate');
      },
    ],
    [
      'the key of another certificate',
      (folder) => {
        writeFileSync(join(folder, 'key.pem'), makeCertificate().key);
        writeFileSync(join(folder, 'cert.pem'), makeCertificate().cert);
      },
    ],
  ])('with %s in certificateFolder fails, and no port is opened', async (_, fill) => {
    const certificateFolder = makeFolder();
    fill(certificateFolder);
    const port = await findClosedPort();
    const web = createWebServer({ HTTPPort: port, HTTPSEnabled: true, HTTPSPort: 0, certificateFolder });
    const result = await web.start();
    expect(result).toEqual(failedWith(-20_004, 'certificateFolder'));
    expect(result.errors![0]!.message).not.toContain('PRIVATE KEY');
    expect(web.isRunning).toBe(false);
    await expectFree(port);
  });

  test('the constructor refuses wrong settings at once', () => {
    expect(() => new WebServer({ HTTPPort: -1 })).toThrow(
      expect.objectContaining({ code: 'ERR_INVALID_OPTION' }) as Error,
    );
    expect(() => new WebServer(null as never)).toThrow(
      expect.objectContaining({ code: 'ERR_INVALID_OPTION' }) as Error,
    );
  });

  test('uses the settings as they were when the constructor was called', async () => {
    const settings = { ...LOCAL, name: 'before' };
    const web = createWebServer(settings);
    settings.name = 'after';
    await web.start();
    expect(web.name).toBe('before');
  });
});

describe('a running server', () => {
  test('shows its settings, which cannot be assigned', async () => {
    const { certificateFolder } = makeCertificateFolder();
    const settings = {
      name: 'mine',
      HTTPEnabled: true,
      HTTPPort: await findClosedPort(),
      HTTPSEnabled: true,
      HTTPSPort: await findClosedPort(),
      IPAddressToListen: '127.0.0.1',
      rootFolder: makeFolder(),
      followLinks: true,
      defaultHomepage: 'home.htm',
      certificateFolder,
      minTLSVersion: 4,
      CORSEnabled: true,
      CORSSettings: [{ host: 'https://friend.example' }],
      hosts: ['localhost', '127.0.0.1'],
      requestTimeoutMs: 10_000,
      responseStallMs: 5000,
      maxConnections: 100,
      maxConnectionsPerAddress: 50,
    } as const satisfies Required<WebServerSettings>;
    const web = await startWebServer(settings);
    const shown = web as unknown as Record<string, unknown>;
    for (const [name, value] of Object.entries(settings)) {
      expect(shown[name]).toEqual(value);
      expect(() => {
        shown[name] = 'changed';
      }).toThrow(TypeError);
      expect(shown[name]).toEqual(value);
    }
    expect(web.httpServers).toHaveLength(2);
  });

  test('gives a client the shortest handshakeTimeoutMs of its WebSocket servers for the head of a request', async () => {
    const { certificateFolder } = makeCertificateFolder();
    const web = await startWebServer({ HTTPSEnabled: true, HTTPSPort: 0, certificateFolder });
    const times = (): number[] => web.httpServers.map(({ headersTimeout }) => headersTimeout);
    expect(times()).toEqual([10_000, 10_000]);
    const serve = (handshakeTimeoutMs: number): (() => Promise<unknown>) => {
      const handler = recordingServerHandler();
      const path = `/${handshakeTimeoutMs}`;
      const wss = WebSocketServer.new(handler, { webServer: web, handshakeTimeoutMs, path })!;
      return async () => {
        wss.terminate();
        await handler.ended();
      };
    };
    const endSlow = serve(20_000);
    expect(times()).toEqual([20_000, 20_000]);
    const endQuick = serve(3000);
    const endEndless = serve(Infinity);
    expect(times()).toEqual([3000, 3000]);
    await endQuick();
    expect(times()).toEqual([20_000, 20_000]);
    await endSlow();
    // The head has no more time than the whole request.
    expect(times()).toEqual([30_000, 30_000]);
    await endEndless();
    expect(times()).toEqual([10_000, 10_000]);
  });

  test.each<[WebServerSettings, requestTimeout: number, headersTimeout: number, timeout: number]>([
    [{}, 30_000, 10_000, 20_000],
    [{ requestTimeoutMs: 500, responseStallMs: 700 }, 500, 500, 700],
    [{ requestTimeoutMs: Infinity, responseStallMs: Infinity }, 0, 10_000, 0],
    [{ requestTimeoutMs: 2 ** 31, responseStallMs: 2 ** 31 }, 0, 10_000, 0],
  ])('hands its limits in time to Node: %j', async (settings, ...limits) => {
    const [server] = (await startWebServer(settings)).httpServers;
    expect([server!.requestTimeout, server!.headersTimeout, server!.timeout]).toEqual(limits);
  });

  test('survives bytes that are no HTTP, and an error of its socket', async () => {
    const web = await startWebServer();
    const client = await connectTo(web.HTTPPort);
    client.end('\x16\x03\x01 this is no HTTP\r\n\r\n');
    const [answer] = (await once(client.setEncoding('latin1'), 'data')) as [string];
    expect(answer).toMatch(/^HTTP\/1\.1 400 /);
    expect(web.httpServers[0]!.emit('error', new Error('EMFILE: too many open files'))).toBe(true);
    expect((await requestPath(web.HTTPPort, '/')).status).toBe(404);
  });

  test('serves WebSocket and files on HTTP and HTTPS at once', async () => {
    const { certificateFolder, ca } = makeCertificateFolder();
    const rootFolder = makeFolder({ 'index.html': 'home' });
    const web = await startWebServer({ HTTPSEnabled: true, HTTPSPort: 0, certificateFolder, rootFolder });
    const handler = recordingHandler({ onMessage: (ws, { data: text }) => ws.send(`echo ${text}`) });
    WebSocketServer.new({ onConnection: () => handler }, { webServer: web });
    for (const url of [`ws://127.0.0.1:${web.HTTPPort}`, `wss://127.0.0.1:${web.HTTPSPort}`]) {
      const peer = await connectPeer(url, { ca });
      peer.send(url);
      expect(await peer.nextText()).toBe(`echo ${url}`);
    }
    expect((await requestPath(web.HTTPPort, '/')).body).toBe('home');
    expect((await requestPath(web.HTTPSPort, '/', { tls: { ca } })).body).toBe('home');
  });
});

describe('stop', () => {
  test('right after start leaves the server stopped', async () => {
    const web = createWebServer({ HTTPPort: await findClosedPort() });
    const starting = web.start();
    await web.stop();
    expect(await starting).toEqual(succeeded);
    expect(web.isRunning).toBe(false);
    await expectFree(web.HTTPPort);
  });

  test('right after a start that fails does nothing', async () => {
    const web = createWebServer({ HTTPPort: await occupyPort() });
    const starting = web.start();
    await web.stop();
    expect((await starting).success).toBe(false);
  });

  test('and start in one turn run in the order of the calls', async () => {
    const web = createWebServer();
    void web.start({ name: 'first' });
    await web.stop();
    const results = await Promise.all([web.start({ name: 'second' }), web.stop(), web.stop()]);
    expect(results[0]).toEqual(succeeded);
    expect([web.isRunning, web.name]).toEqual([false, 'default']);
  });

  test('twice: both calls wait for the end', async () => {
    const web = await startWebServer();
    const gate = createDeferred();
    const server = recordingServerHandler({ onTerminate: () => gate.promise });
    WebSocketServer.new(server, { webServer: web });
    await server.opened();
    const calls = [web.stop(), web.stop()];
    const areOver = calls.map(watch);
    expect(web.isRunning).toBe(false);
    await turns();
    expect(areOver.map((isOver) => isOver())).toEqual([false, false]);
    gate.resolve();
    await Promise.all(calls);
    expect(server.callbacks).toEqual(['onOpen', 'onTerminate']);
  });

  test('does not wait for idle keep-alive clients', async () => {
    const web = await startWebServer({ rootFolder: makeFolder({ 'index.html': 'home' }) });
    const agent = new Agent({ keepAlive: true });
    onTestFinished(() => agent.destroy());
    expect((await requestPath(web.HTTPPort, '/', { agent })).status).toBe(200);
    const [[idle]] = Object.values(agent.freeSockets) as [[Socket]];
    const closed = once(idle, 'close');
    await web.stop();
    await closed;
    expect(web.isRunning).toBe(false);
  });

  test('does not wait for clients that send nothing, or half a request', async () => {
    const web = await startWebServer();
    const [silent, half] = [await connectTo(web.HTTPPort), await connectTo(web.HTTPPort)];
    half.write('GET / HTTP/1.1\r\nHost: ');
    await turns();
    const closed = Promise.all([once(silent.resume(), 'close'), once(half.resume(), 'close')]);
    await web.stop();
    await closed;
    expect(web.isRunning).toBe(false);
  });

  test('cuts off running downloads', async () => {
    const web = await startWebServer({ rootFolder: makeFolder({ 'big.bin': 'x'.repeat(50_000_000) }) });
    const response = await beginRequest(web.HTTPPort, '/big.bin');
    const closed = new Promise<Error>((resolve) => {
      response.on('error', resolve);
    });
    await web.stop();
    response.resume();
    expect((await closed).message).toBe('aborted');
    expect(response.complete).toBe(false);
  });

  test('cuts off unfinished answers of a user’s route', async () => {
    const web = await startWebServer();
    const [server] = web.httpServers;
    server!.removeAllListeners('request');
    server!.on('request', (_: IncomingMessage, response) => {
      response.writeHead(200, { 'Content-Type': 'text/event-stream' }).write('data: 1\n\n');
    });
    const response = await beginRequest(web.HTTPPort, '/events');
    const failed = once(response.resume(), 'error');
    await web.stop();
    const [error] = (await failed) as [Error];
    expect(error.message).toBe('aborted');
  });

  test('closes peers with 1001, runs their onTerminate in order of arrival, then the server’s', async () => {
    const web = await startWebServer();
    const log: string[] = [];
    const server = recordingServerHandler({
      onConnection: (_, { request }) =>
        recordingHandler({
          async onTerminate(__, { code, wasClean }) {
            await turns(2);
            log.push(`${request.url} ${code} ${wasClean}`);
          },
        }),
      async onTerminate() {
        await turns(2);
        log.push('server');
      },
    });
    const wss = WebSocketServer.new(server, { webServer: web })!;
    const peers = [];
    for (const path of ['/1', '/2', '/3']) peers.push(await connectPeer(`ws://127.0.0.1:${web.HTTPPort}${path}`));
    await web.stop();
    log.push('stopped');
    expect(log).toEqual(['/1 1001 true', '/2 1001 true', '/3 1001 true', 'server', 'stopped']);
    for (const peer of peers) expect(await peer.closed).toEqual({ code: 1001, reason: '' });
    expect([wss.terminated, wss.connections.length]).toEqual([true, 0]);
  });

  test('gives WebSocket peers that do not answer 5 s', async () => {
    const clock = useFakeClock();
    const web = await startWebServer();
    const server = recordingServerHandler();
    WebSocketServer.new(server, { webServer: web });
    const [first, second] = [await RawClient.open(web.HTTPPort), await RawClient.open(web.HTTPPort)];
    const stopping = web.stop();
    const isStopped = watch(stopping);
    expect([await first.nextClose(), await second.nextClose()]).toEqual(['88 03e9', '88 03e9']);
    await clock.advance(4900);
    expect([isStopped(), first.hasEnded, second.hasEnded]).toEqual([false, false, false]);
    await clock.advance(200);
    await stopping;
    for (const handler of server.handlers) {
      expect(handler.callbacks).toEqual(['onOpen', 'onTerminate']);
      expect(await handler.ended()).toMatchObject({ code: 1006, wasClean: false });
    }
    expect(server.callbacks).toEqual(['onOpen', 'onConnection', 'onConnection', 'onTerminate']);
  });

  test('gives peers 5 s in all to answer and to end TCP', async () => {
    const clock = useFakeClock();
    const web = await startWebServer();
    const server = recordingServerHandler();
    WebSocketServer.new(server, { webServer: web });
    const client = await RawClient.open(web.HTTPPort);
    const handler = await server.nextHandler();
    const stopping = web.stop();
    const isStopped = watch(stopping);
    await client.nextClose();
    await clock.advance(4500);
    client.sendClose(1001);
    // The server ends its side of TCP, and the client does not end its own.
    await client.ended;
    expect(isStopped()).toBe(false);
    await clock.advance(600);
    await stopping;
    expect(await handler.ended()).toMatchObject({ code: 1001, wasClean: true });
  });

  test('hastens a WebSocket server that was terminated without a timeout', async () => {
    const clock = useFakeClock();
    const web = await startWebServer();
    const server = recordingServerHandler();
    const wss = WebSocketServer.new(server, { webServer: web })!;
    const client = await RawClient.open(web.HTTPPort);
    wss.terminate();
    expect(await client.nextClose()).toBe('88 03e8');
    const stopping = web.stop();
    // A further terminate() does not delay the end again.
    wss.terminate();
    await clock.advance(5100);
    await stopping;
    expect(wss.terminated).toBe(true);
  });

  test('does not wait for an onConnection that has not decided, and its client gets 503', async () => {
    const web = await startWebServer();
    const never = createDeferred();
    const asked = createDeferred();
    const server = recordingServerHandler({
      onConnection() {
        asked.resolve();
        return never.promise;
      },
    });
    WebSocketServer.new(server, { webServer: web });
    const client = await RawClient.request(web.HTTPPort);
    await asked.promise;
    const stopping = web.stop();
    expect((await client.answered).status).toBe(503);
    await client.ended;
    client.socket.end();
    await stopping;
    expect(server.callbacks).toEqual(['onOpen', 'onConnection', 'onTerminate']);
    never.resolve();
  });

  test('cuts off after 5 s a refused client that does not close', async () => {
    const clock = useFakeClock();
    const web = await startWebServer();
    WebSocketServer.new(recordingServerHandler({ onConnection: () => null }), { webServer: web });
    const client = await RawClient.request(web.HTTPPort);
    expect((await client.answered).status).toBe(403);
    const stopping = web.stop();
    await clock.advance(5100);
    await stopping;
    expect(web.isRunning).toBe(false);
  });

  test('cuts off after 5 s a client in the middle of a TLS handshake', async () => {
    const clock = useFakeClock();
    const { certificateFolder } = makeCertificateFolder();
    const web = await startWebServer({ HTTPEnabled: false, HTTPSEnabled: true, HTTPSPort: 0, certificateFolder });
    const client = await connectTo(web.HTTPSPort);
    // The first bytes of a ClientHello.
    client.write(Buffer.from('16030100c8010000c4', 'hex'));
    const closed = once(client.resume(), 'close');
    await turns();
    const stopping = web.stop();
    await clock.advance(5100);
    await stopping;
    await closed;
    expect(web.isRunning).toBe(false);
  });

  test('gives upgrades that another listener has taken 5 s', async () => {
    const clock = useFakeClock();
    const web = await startWebServer();
    web.httpServers[0]!.on('upgrade', (_: IncomingMessage, socket: Socket) => {
      socket.on('error', () => {});
      socket.write('HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: other\r\n\r\n');
    });
    const client = await RawClient.open(web.HTTPPort);
    const stopping = web.stop();
    const isStopped = watch(stopping);
    await clock.advance(4900);
    expect([isStopped(), client.hasEnded]).toEqual([false, false]);
    await clock.advance(200);
    await stopping;
    await client.ended;
    expect(web.isRunning).toBe(false);
  });

  test('refuses new WebSocket servers while it runs', async () => {
    const web = await startWebServer();
    const gate = createDeferred();
    const server = recordingServerHandler({ onTerminate: () => gate.promise });
    WebSocketServer.new(server, { webServer: web });
    await server.opened();
    const stopping = web.stop();
    expect(tryExpr(() => WebSocketServer.new(recordingServerHandler(), { webServer: web, path: '/new' }))).toBeNull();
    expect(lastErrors()).toMatchObject([{ errCode: -20_001 }]);
    gate.resolve();
    await stopping;
  });

  test('does not end the WebSocket servers of other web servers', async () => {
    const [web, other] = [await startWebServer(), await startWebServer()];
    const wss = WebSocketServer.new(recordingServerHandler(), { webServer: other })!;
    const peer = await connectPeer(`ws://127.0.0.1:${other.HTTPPort}`);
    await web.stop();
    await turns();
    expect([wss.terminated, peer.hasClosed]).toEqual([false, false]);
  });

  test('does not wait for a WebSocket server that has ended before', async () => {
    const web = await startWebServer();
    const server = recordingServerHandler();
    const wss = WebSocketServer.new(server, { webServer: web })!;
    await server.opened();
    wss.terminate();
    await server.ended();
    await web.stop();
    expect(server.callbacks).toEqual(['onOpen', 'onTerminate']);
    // The path is free again, also after the web server is restarted.
    await web.start();
    expect(WebSocketServer.new(recordingServerHandler(), { webServer: web })).not.toBeNull();
  });
});

test('webServer() returns the same server every time, with the settings of 4D', () => {
  const web = webServer();
  expect(webServer()).toBe(web);
  expect(web).toBeInstanceOf(WebServer);
  expect([web.isRunning, web.HTTPPort, web.HTTPSPort, web.name]).toEqual([false, 80, 443, 'default']);
});
