import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import fs, { appendFileSync, mkdirSync, rmSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs';
import { createServer, type Socket } from 'node:net';
import { join } from 'node:path';
import { connect as connectTls } from 'node:tls';
import { afterAll, describe, expect, onTestFinished, test, vi } from 'vitest';
import type { WebServer, WebServerSettings } from '../../src/index.ts';
import { makeCertificateFolder } from '../helpers/certificate-folder.ts';
import { createDeferred } from '../helpers/deferred.ts';
import { makeFolder } from '../helpers/folder.ts';
import { expectNoOpenSockets } from '../helpers/leftovers.ts';
import { startWebServer } from '../helpers/library-server.ts';
import { OpenedFiles } from '../helpers/opened-files.ts';
import { PlainClient, plainRequest } from '../helpers/plain-client.ts';
import { turns } from '../helpers/turns.ts';

afterAll(() => expectNoOpenSockets());

/** More than the buffers of the system take from a client that does not read. */
const BIG_BYTES = 10_000_000;

const MAX_WAITING_REQUESTS = 16;

/** Serves small files, and the file `big.txt` of {@link BIG_BYTES} zeros. */
async function serve(settings: WebServerSettings = {}): Promise<{ web: WebServer; folder: string }> {
  const folder = makeFolder({ 'a.txt': 'aaaa', 'b.txt': 'bb', 'big.txt': '', 'empty.txt': '' });
  truncateSync(join(folder, 'big.txt'), BIG_BYTES);
  return { web: await startWebServer({ rootFolder: folder, ...settings }), folder };
}

/** Sends requests and reads nothing. */
async function sendUnread(port: number, ...requests: readonly string[]): Promise<PlainClient> {
  const client = await PlainClient.connect(port);
  client.socket.pause();
  client.socket.write(requests.join(''));
  return client;
}

describe('pipelined requests', () => {
  test('of a client that does not read open one file, whatever their number', async () => {
    const { web } = await serve();
    const files = new OpenedFiles();
    const client = await sendUnread(web.HTTPPort, plainRequest('/big.txt').repeat(1 + MAX_WAITING_REQUESTS));
    await files.atLeast(1);
    await turns(200);
    expect([files.all.length, files.openCount]).toEqual([1, 1]);
    client.socket.destroy();
    await files.allClosed();
    expect(files.all).toHaveLength(1);
  });

  test('are answered in order, up to 16 behind the first', async () => {
    const { web } = await serve();
    const files = new OpenedFiles();
    const requests = Array.from({ length: MAX_WAITING_REQUESTS }, (_, i) =>
      plainRequest(['/a.txt', '/none', '/b.txt'][i % 3]!),
    );
    const client = await PlainClient.send(web.HTTPPort, ...requests, plainRequest('/a.txt', ['Connection: close']));
    await client.closed;
    expect(client.statuses).toEqual([...requests.map((_, i) => (i % 3 === 1 ? 404 : 200)), 200]);
    await files.allClosed();
  });

  test.each([1, 1800])('more than 16 behind the first end the connection: %d more', async (more) => {
    const { web } = await serve();
    const files = new OpenedFiles();
    const requests = plainRequest('/big.txt').repeat(1 + MAX_WAITING_REQUESTS + more);
    const client = await PlainClient.send(web.HTTPPort, requests);
    await client.closed;
    await turns(100);
    await files.allClosed();
    expect(files.all.length).toBeLessThanOrEqual(1);
    expect(files.lookedUp).toHaveLength(1);
    // Others are served.
    const other = await PlainClient.send(web.HTTPPort, plainRequest('/a.txt'));
    await other.until('aaaa');
  });

  test('more than 16 end the connection over TLS too', async () => {
    const { certificateFolder, ca } = makeCertificateFolder();
    const { web } = await serve({ HTTPEnabled: false, HTTPSEnabled: true, HTTPSPort: 0, certificateFolder });
    const files = new OpenedFiles();
    const socket = connectTls({ host: '127.0.0.1', port: web.HTTPSPort, ca, servername: 'localhost' });
    onTestFinished(() => void socket.destroy());
    const client = new PlainClient(socket);
    socket.write(plainRequest('/big.txt').repeat(2 + MAX_WAITING_REQUESTS));
    await client.closed;
    await files.allClosed();
    expect(files.all.length).toBeLessThanOrEqual(1);
  });

  test('behind an answer that ends the connection are not looked up', async () => {
    const { web } = await serve();
    const files = new OpenedFiles();
    // Node may have lost some of these headers, so the answer is a refusal.
    const lost = plainRequest(
      '/a.txt',
      Array.from({ length: 1000 }, () => 'a:'),
    );
    const client = await PlainClient.send(web.HTTPPort, lost, plainRequest('/b.txt').repeat(3));
    await client.closed;
    await turns(50);
    expect([client.statuses, files.lookedUp]).toEqual([[431], []]);
  });

  test('more than 16 end the connection also when a listener of the user answers', async () => {
    const web = await startWebServer();
    const [server] = web.httpServers;
    server!.removeAllListeners('request');
    const paths: string[] = [];
    server!.on('request', (request) => void paths.push(request.url!));
    const client = await PlainClient.send(web.HTTPPort, plainRequest('/').repeat(1 + MAX_WAITING_REQUESTS));
    await turns(50);
    expect([client.isClosed, paths.length]).toEqual([false, 1 + MAX_WAITING_REQUESTS]);
    client.socket.write(plainRequest('/'));
    await client.closed;
  });
});

describe('a file is closed', () => {
  const requests = {
    GET: plainRequest('/big.txt'),
    HEAD: plainRequest('/big.txt', [], 'HEAD'),
    range: plainRequest('/big.txt', ['Range: bytes=5-9000000']),
    unsatisfiable: plainRequest('/big.txt', ['Range: bytes=99999999-']),
    'failed condition': plainRequest('/big.txt', ['If-Match: "other"']),
    pipelined: plainRequest('/a.txt') + plainRequest('/big.txt').repeat(3),
    'with a body': `${plainRequest('/big.txt', ['Content-Length: 9'])}123`,
  };

  describe.each(Object.entries(requests))('%s', (_, text) => {
    test.each([0, 1, 2, 3, 4, 6, 8, 12, 20, 80])(
      'when the client resets after %d turns of the event loop',
      async (count) => {
        const { web } = await serve();
        const files = new OpenedFiles();
        const client = await sendUnread(web.HTTPPort, text);
        await turns(count);
        client.socket.resetAndDestroy();
        await turns(100);
        await files.allClosed();
        const leftCount = await new Promise((resolve) => {
          web.httpServers[0]!.getConnections((__, connections) => resolve(connections));
        });
        expect(leftCount).toBe(0);
      },
    );

    test.each([0, 2, 4, 8, 80])('when the web server stops after %d turns', async (count) => {
      const { web } = await serve();
      const files = new OpenedFiles();
      await sendUnread(web.HTTPPort, text);
      await turns(count);
      await web.stop();
      expect(files.openCount).toBe(0);
      await turns(50);
      await files.allClosed();
    });
  });
});

/** Serves everything that is no regular file. */
async function serveOdd(): Promise<WebServer> {
  const { web, folder } = await serve();
  execFileSync('mkfifo', [join(folder, 'pipe'), join(folder, 'pipe.txt')]);
  mkdirSync(join(folder, 'piped'));
  execFileSync('mkfifo', [join(folder, 'piped/index.html')]);
  symlinkSync(join(folder, 'pipe'), join(folder, 'link'));
  symlinkSync('/dev/zero', join(folder, 'device'));
  mkdirSync(join(folder, 'empty'));
  mkdirSync(join(folder, 'nested/index.html'), { recursive: true });
  const socket = createServer().listen(join(folder, 'socket'));
  await once(socket, 'listening');
  onTestFinished(async () => {
    socket.close();
    await once(socket, 'close');
  });
  return web;
}

/** Asks a server for the files that links in its folder point at. */
async function statusesOfLinks(settings: WebServerSettings): Promise<number[]> {
  const outside = makeFolder({ 'secret.txt': 'secret', 'index.html': 'secret' });
  const folder = makeFolder({ 'inside.txt': 'inside' });
  symlinkSync(join(folder, 'inside.txt'), join(folder, 'to inside.txt'));
  symlinkSync(join(outside, 'secret.txt'), join(folder, 'to outside.txt'));
  symlinkSync(outside, join(folder, 'to-folder'));
  mkdirSync(join(folder, 'with-index'));
  symlinkSync(join(outside, 'index.html'), join(folder, 'with-index/index.html'));
  // A folder beside the root whose name begins with that of the root.
  symlinkSync(join(folder, 'nowhere'), join(folder, 'broken'));
  const sibling = `${folder}-sibling`;
  symlinkSync(outside, sibling);
  onTestFinished(() => rmSync(sibling));
  symlinkSync(join(sibling, 'secret.txt'), join(folder, 'to-sibling.txt'));
  const root = join(outside, 'root');
  symlinkSync(folder, root);
  const web = await startWebServer({ rootFolder: root, ...settings });
  const paths = ['/to%20inside.txt', '/to%20outside.txt', '/to-folder/secret.txt', '/to-folder/', '/with-index/'];
  const statuses: number[] = [];
  for (const path of [...paths, '/to-sibling.txt', '/broken']) {
    const client = await PlainClient.send(web.HTTPPort, plainRequest(path, ['Connection: close']));
    await client.closed;
    statuses.push(...client.statuses);
  }
  return statuses;
}

describe('a symbolic link', () => {
  test('is followed within the folder only', async () => {
    expect(await statusesOfLinks({})).toEqual([200, 404, 404, 404, 404, 404, 404]);
  });

  test('is followed out of the folder with followLinks', async () => {
    expect(await statusesOfLinks({ followLinks: true })).toEqual([200, 200, 200, 200, 200, 200, 404]);
  });
});

test('no file is opened for a client that has gone while it was looked up', async () => {
  const { web } = await serve();
  const files = new OpenedFiles();
  const { stat } = fs;
  const lookUp = createDeferred<() => Promise<void>>();
  vi.spyOn(fs, 'stat').mockImplementationOnce(((path: string, done: (...result: unknown[]) => void) => {
    const look = (resolve: () => void): void =>
      stat(path, (...result) => {
        done(...result);
        resolve();
      });
    lookUp.resolve(() => new Promise(look));
  }) as never);
  const [[socket], client] = await Promise.all([
    once(web.httpServers[0]!, 'connection') as Promise<[Socket]>,
    sendUnread(web.HTTPPort, plainRequest('/big.txt')),
  ]);
  const look = await lookUp.promise;
  const closed = once(socket, 'close');
  client.socket.resetAndDestroy();
  await closed.catch(() => {});
  await look();
  expect(files.all).toEqual([]);
});

describe('only regular files are served', () => {
  test.skipIf(process.platform === 'win32').each([
    ['GET', []],
    ['HEAD', []],
    ['GET', ['Range: bytes=0-9']],
    ['GET', ['If-None-Match: *']],
  ] as const)('%s with %j gives 404 for all others, and the connection goes on', async (method, headers) => {
    const web = await serveOdd();
    const files = new OpenedFiles();
    const paths = ['/pipe', '/pipe.txt', '/piped/', '/link', '/device', '/empty/', '/nested/', '/socket'];
    const client = await PlainClient.send(
      web.HTTPPort,
      ...paths.map((path) => plainRequest(path, headers, method)),
      plainRequest('/a.txt', ['Connection: close']),
    );
    await client.closed;
    expect(client.statuses).toEqual([...paths.map(() => 404), 200]);
    expect(client.text.endsWith('aaaa')).toBe(true);
    expect(files.all).toHaveLength(1);
  });
});

describe('a file that changes while it is sent', () => {
  test.each([
    ['is truncated', (path: string) => truncateSync(path, 100)],
    ['is written anew and shorter', (path: string) => writeFileSync(path, 'short')],
    ['is emptied', (path: string) => truncateSync(path, 0)],
  ])('ends the connection when it %s', async (_, change) => {
    const { web, folder } = await serve();
    const files = new OpenedFiles();
    const client = await sendUnread(web.HTTPPort, plainRequest('/big.txt') + plainRequest('/a.txt'));
    await files.atLeast(1);
    await turns();
    change(join(folder, 'big.txt'));
    client.socket.resume();
    await client.closed;
    expect([[], [200]]).toContainEqual(client.statuses);
    expect(client.text.length).toBeLessThan(BIG_BYTES);
    await files.allClosed();
  });

  test('is sent as it was announced when it grows, and the connection goes on', async () => {
    const { web, folder } = await serve();
    const files = new OpenedFiles();
    const client = await sendUnread(web.HTTPPort, plainRequest('/big.txt') + plainRequest('/a.txt'));
    await files.atLeast(1);
    appendFileSync(join(folder, 'big.txt'), 'more');
    client.socket.resume();
    await client.until('aaaa');
    expect(client.statuses).toEqual([200, 200]);
    const body = client.text.slice(client.text.indexOf('\0'), client.text.lastIndexOf('HTTP/1.1'));
    expect(body).toBe('\0'.repeat(BIG_BYTES));
  });

  test.each(
    ['big.txt', 'empty.txt'].flatMap((name) => [
      [name, 'truncated', (path: string) => truncateSync(path, name === 'empty.txt' ? 0 : 10)] as const,
      [name, 'extended', (path: string) => appendFileSync(path, 'more')] as const,
      [name, 'removed', (path: string) => rmSync(path)] as const,
    ]),
  )('%s, %s between looking and opening, arrives whole, or the connection ends', async (name, _, change) => {
    const { web, folder } = await serve();
    const path = join(folder, name);
    const files = new OpenedFiles((opened) => {
      if (opened === path) change(path);
    });
    const client = await PlainClient.send(web.HTTPPort, plainRequest(`/${name}`), plainRequest('/a.txt'));
    await Promise.race([client.closed, client.until('aaaa')]);
    await files.allClosed();
    if (client.isClosed) {
      expect(client.statuses).toEqual([200]);
    } else if (client.statuses[0] === 200) {
      const [head, ...rest] = client.text.split('\r\n\r\n');
      const announced = Number(/Content-Length: (\d+)/.exec(head!)![1]);
      expect(rest.join('\r\n\r\n').slice(announced)).toMatch(/^HTTP\/1\.1 200 /);
    } else {
      expect(client.statuses).toEqual([404, 200]);
    }
  });
});
