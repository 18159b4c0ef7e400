import { mkdirSync, rmSync, utimesSync } from 'node:fs';
import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import type { CORSRule, WebServer, WebServerSettings } from '../../src/index.ts';
import { makeCertificateFolder } from '../helpers/certificate-folder.ts';
import { makeFolder } from '../helpers/folder.ts';
import { type HttpOptions, type HttpReply, requestPath } from '../helpers/http.ts';
import { startWebServer } from '../helpers/library-server.ts';
import { OpenedFiles } from '../helpers/opened-files.ts';

const TEXT = 'abcdefghijklmnopqrstuvwxyz';

/** Starts a server of files, and returns a function that sends it requests. */
async function serve(
  files: Readonly<Record<string, string>> = { 'index.html': 'home', 'abc.txt': TEXT },
  settings: WebServerSettings = {},
): Promise<{ web: WebServer; folder: string; get: (path: string, options?: HttpOptions) => Promise<HttpReply> }> {
  const folder = makeFolder(files);
  const web = await startWebServer({ rootFolder: folder, ...settings });
  return { web, folder, get: (path, options) => requestPath(web.HTTPPort, path, options) };
}

describe('methods', () => {
  test('HEAD gives the headers of GET without a body', async () => {
    const { get } = await serve();
    const head = await get('/abc.txt', { method: 'HEAD' });
    expect(head).toMatchObject({ status: 200, body: '' });
    const { headers } = await get('/abc.txt');
    expect(head.headers).toEqual({ ...headers, date: head.headers.date });
    expect(headers['content-length']).toBe('26');
    expect(await get('/none', { method: 'HEAD' })).toMatchObject({ status: 404, body: '' });
  });

  test.each(['POST', 'PUT', 'DELETE', 'PATCH', 'OPTIONS', 'PROPFIND', 'TRACE'])(
    '%s is 405 and changes nothing',
    async (method) => {
      const { get } = await serve();
      const body = method === 'TRACE' ? undefined : 'new content';
      const reply = await get('/abc.txt', { method, ...(body !== undefined && { body }) });
      expect(reply.status).toBe(405);
      expect(reply.headers.allow).toBe('GET, HEAD');
      expect((await get('/abc.txt')).body).toBe(TEXT);
    },
  );

  test('without rootFolder every path is 404', async () => {
    const web = await startWebServer();
    for (const path of ['/', '/index.html', '/package.json', '/etc/passwd', process.cwd()]) {
      expect((await requestPath(web.HTTPPort, path)).status).toBe(404);
    }
  });
});

describe('paths', () => {
  test('ignore the query', async () => {
    const { get } = await serve({ 'abc.txt': TEXT, 'abc.txt?x': 'wrong', 'index.html': 'home' });
    expect((await get('/abc.txt?x')).body).toBe(TEXT);
    expect((await get('/?a=/../b')).body).toBe('home');
    expect((await get('/abc.txt%3Fx')).body).toBe('wrong');
  });

  test('are taken from a request target that is a whole URL', async () => {
    const { get } = await serve();
    const headers = { Host: 'localhost' };
    expect((await get('http://localhost/abc.txt?x=1', { headers })).body).toBe(TEXT);
    expect((await get('http://localhost/', { headers })).body).toBe('home');
    expect((await get('http://localhost', { headers })).body).toBe('home');
    expect((await get('http://localhost?x=/abc.txt', { headers })).body).toBe('home');
    expect((await get('http://localhost/../abc.txt', { headers })).status).toBe(404);
    expect((await get('*')).status).toBe(404);
  });

  test('with names that begin with a dot are not found, in any spelling', async () => {
    const { get } = await serve({
      '.env': 'secret',
      '.git/config': 'secret',
      'a/.hidden/b.txt': 'secret',
      'index.html': 'x',
    });
    for (const path of [
      '/.env',
      '/%2eenv',
      '/%2Egit/config',
      '/.git/config',
      '/a/.hidden/b.txt',
      '//.env',
      '/a/../.env',
    ]) {
      expect(await get(path)).toMatchObject({ status: 404, body: 'Not Found\n' });
    }
  });

  test('do not reach a folder whose name only begins like rootFolder', async () => {
    const folder = makeFolder({ 'public/index.html': 'home', 'public-not/secret.txt': 'secret' });
    const web = await startWebServer({ rootFolder: join(folder, 'public') });
    for (const path of [
      '/../public-not/secret.txt',
      '/..%2Fpublic-not%2fsecret.txt',
      '/%2e%2e/public-not/secret.txt',
    ]) {
      expect((await requestPath(web.HTTPPort, path)).status).toBe(404);
    }
  });

  test('are not found when rootFolder does not exist or is a file', async () => {
    const folder = makeFolder({ 'file.txt': 'x' });
    for (const name of ['nowhere', 'file.txt']) {
      const web = await startWebServer({ rootFolder: join(folder, name) });
      expect((await requestPath(web.HTTPPort, '/')).status).toBe(404);
      expect((await requestPath(web.HTTPPort, '/file.txt')).status).toBe(404);
    }
  });

  test('are relative to the working directory at the start when rootFolder is relative', async () => {
    const folder = makeFolder({ 'public/index.html': 'home' });
    const before = process.cwd();
    onTestFinished(() => process.chdir(before));
    process.chdir(folder);
    const web = await startWebServer({ rootFolder: 'public' });
    process.chdir(before);
    expect((await requestPath(web.HTTPPort, '/')).body).toBe('home');
  });
});

describe('folders', () => {
  test('show their homepage, and are redirected to the path with a slash', async () => {
    const { get } = await serve({ 'sub/home.htm': 'sub home', 'home.htm': 'home' }, { defaultHomepage: 'home.htm' });
    expect((await get('/')).body).toBe('home');
    expect((await get('/sub/')).body).toBe('sub home');
    const reply = await get('/sub');
    expect([reply.status, reply.headers.location]).toEqual([301, '/sub/']);
  });

  test('without a homepage are not found, and never listed', async () => {
    const { get, folder } = await serve({ 'sub/file.txt': 'x' });
    mkdirSync(join(folder, 'empty'));
    for (const path of ['/', '/sub/', '/empty/', '/file.txt/', '/sub/file.txt/']) {
      expect(await get(path)).toMatchObject({ status: 404, body: 'Not Found\n' });
    }
  });

  test('cannot be used to send a browser to another host', async () => {
    const { get } = await serve({ 'evil.example/x/index.html': 'x' });
    const { headers } = await get('//evil.example/x');
    expect(headers.location).toBe('/evil.example/x/');
  });
});

describe('ranges', () => {
  test.each([
    ['bytes=0-2', 'abc', 'bytes 0-2/26'],
    ['bytes=23-', 'xyz', 'bytes 23-25/26'],
    ['bytes=-2', 'yz', 'bytes 24-25/26'],
    ['bytes=20-1000', 'uvwxyz', 'bytes 20-25/26'],
  ])('%s', async (range, body, contentRange) => {
    const { get } = await serve();
    const reply = await get('/abc.txt', { headers: { Range: range } });
    expect(reply).toMatchObject({ status: 206, body });
    expect(reply.headers['content-range']).toBe(contentRange);
    expect(reply.headers['content-length']).toBe(String(body.length));
  });

  test('beyond the end of the file get 416', async () => {
    const { get } = await serve();
    const reply = await get('/abc.txt', { headers: { Range: 'bytes=26-' } });
    expect(reply).toMatchObject({ status: 416, body: 'Range Not Satisfiable\n' });
    expect(reply.headers['content-range']).toBe('bytes */26');
    expect(reply.headers.etag).toBeUndefined();
  });

  test.each(['bytes=0-1,3-4', 'lines=1-2', 'bytes=x'])('%s is answered with the whole file', async (range) => {
    const { get } = await serve();
    expect(await get('/abc.txt', { headers: { Range: range } })).toMatchObject({ status: 200, body: TEXT });
  });

  test('get the whole file when If-Range shows that it has changed', async () => {
    const { get } = await serve();
    const { etag } = (await get('/abc.txt')).headers;
    const headers = { Range: 'bytes=0-2', 'If-Range': etag! };
    expect((await get('/abc.txt', { headers })).body).toBe('abc');
    expect((await get('/abc.txt', { headers: { ...headers, 'If-Range': '"other"' } })).body).toBe(TEXT);
  });
});

describe('conditional requests', () => {
  test('a file that the client has is not sent again', async () => {
    const { get } = await serve();
    const { headers } = await get('/abc.txt');
    const unchanged = [{ 'If-None-Match': headers.etag! }, { 'If-Modified-Since': headers['last-modified']! }];
    for (const condition of unchanged) {
      expect(await get('/abc.txt', { headers: condition })).toMatchObject({ status: 304, body: '' });
    }
  });

  test('a file that has changed is sent', async () => {
    const { get, folder } = await serve();
    const { headers } = await get('/abc.txt');
    utimesSync(join(folder, 'abc.txt'), new Date(), new Date(Date.now() + 10_000));
    for (const condition of [
      { 'If-None-Match': headers.etag! },
      { 'If-Modified-Since': headers['last-modified']! },
      { 'If-None-Match': 'W/"other"' },
    ]) {
      expect(await get('/abc.txt', { headers: condition })).toMatchObject({ status: 200, body: TEXT });
    }
  });

  test('a precondition that does not hold gets 412', async () => {
    const { get } = await serve();
    const { etag } = (await get('/abc.txt')).headers;
    expect((await get('/abc.txt', { headers: { 'If-Match': etag! } })).status).toBe(200);
    const failed = [{ 'If-Match': '"other"' }, { 'If-Unmodified-Since': 'Thu, 01 Jan 1970 00:00:00 GMT' }];
    for (const condition of failed) {
      expect(await get('/abc.txt', { headers: condition })).toMatchObject({
        status: 412,
        body: 'Precondition Failed\n',
      });
    }
  });
});

test('the listener of the web server can be called by a listener of the user', async () => {
  const { web, get } = await serve();
  const [server] = web.httpServers;
  const [ours] = server!.listeners('request') as [RequestListener];
  server!.removeAllListeners('request');
  server!.on('request', (request: IncomingMessage, response: ServerResponse) => {
    if (request.url === '/mine') response.end('mine');
    else ours(request, response);
  });
  expect((await get('/mine')).body).toBe('mine');
  expect((await get('/abc.txt')).body).toBe(TEXT);
});

test('a file that cannot be read gets 500 without the headers of a file', async () => {
  const { get } = await serve();
  // A folder can be opened like a file, but not be read.
  const files = new OpenedFiles((path) => {
    rmSync(path);
    mkdirSync(path);
  });
  const { status, body, headers } = await get('/abc.txt');
  expect([status, body]).toEqual([500, 'Internal Server Error\n']);
  expect(Object.keys(headers).filter((name) => /etag|cache|ranges|modified/.test(name))).toEqual([]);
  await files.allClosed();
});

/** Sends a request from a page of `origin` and returns the answer. */
async function ask(
  CORSSettings: readonly CORSRule[],
  origin: string | undefined,
  options: HttpOptions = {},
): Promise<HttpReply> {
  const { get } = await serve(undefined, { CORSEnabled: true, CORSSettings });
  const headers = { ...(origin !== undefined && { Origin: origin }), ...(options.headers as object) };
  return get('/', { ...options, headers });
}

const preflight = (method: string): HttpOptions => ({
  method: 'OPTIONS',
  headers: { 'Access-Control-Request-Method': method },
});

describe('CORS', () => {
  const ORIGIN = 'https://friend.example';

  test.each([
    ['the origin itself', ORIGIN, ORIGIN, 200],
    ['another scheme', ORIGIN, 'http://friend.example', 403],
    ['another port', ORIGIN, 'https://friend.example:8443', 403],
    ['a longer host', ORIGIN, 'https://friend.example.evil.example', 403],
    ['a host in front', ORIGIN, 'https://evil-friend.example', 403],
    ['null, as from a file', ORIGIN, 'null', 403],
    ['a host without a scheme: https', 'friend.example', ORIGIN, 200],
    ['a host without a scheme: http', 'friend.example', 'http://friend.example', 200],
    ['a host without a scheme: another port', 'friend.example', 'http://friend.example:81', 403],
    ['any host', '*', 'https://anybody.example', 200],
    ['an international name', 'https://bücher.example', 'https://xn--bcher-kva.example', 200],
    ['an international name without a scheme', 'BÜCHER.example:81', 'http://xn--bcher-kva.example:81', 200],
    ['an international name on another port', 'bücher.example:81', 'http://xn--bcher-kva.example', 403],
    ['a name like the international one', 'bücher.example', 'http://bucher.example', 403],
    ['a name in upper case', 'https://FRIEND.example', ORIGIN, 200],
    ['the default port', 'https://friend.example:443', ORIGIN, 200],
  ])('%s', async (_, host, origin, status) => {
    const reply = await ask([{ host }], origin);
    expect(reply.status).toBe(status);
    expect(reply.headers['access-control-allow-origin']).toBe(status === 200 ? origin : undefined);
    expect(reply.headers.vary).toBe('Origin');
  });

  test('without hosts refuses every other host', async () => {
    expect((await ask([], ORIGIN)).status).toBe(403);
  });

  test('applies the first host that matches', async () => {
    const rules = [{ host: ORIGIN, methods: 'post' }, { host: '*' }];
    expect((await ask(rules, ORIGIN)).status).toBe(403);
    expect((await ask(rules, 'https://other.example')).status).toBe(200);
  });

  test('allows a page of the server itself, also when its browser sends Origin', async () => {
    const { web, get } = await serve(undefined, { CORSEnabled: true });
    for (const scheme of ['http', 'https']) {
      const reply = await get('/', { headers: { Origin: `${scheme}://127.0.0.1:${web.HTTPPort}` } });
      expect(reply).toMatchObject({ status: 200, body: 'home' });
      expect(reply.headers['access-control-allow-origin']).toBeUndefined();
    }
    expect((await get('/', { headers: { Origin: 'http://127.0.0.1:1' } })).status).toBe(403);
  });

  test('over TLS, allows a page of the server itself only if it was loaded with TLS', async () => {
    const { certificateFolder, ca } = makeCertificateFolder();
    const tls = { HTTPSEnabled: true, HTTPSPort: 0, certificateFolder };
    const { web } = await serve(undefined, { CORSEnabled: true, ...tls });
    const statusFor = async (origin: string, host: string): Promise<number> =>
      (
        await requestPath(web.HTTPSPort, '/', {
          tls: { ca, servername: 'localhost' },
          headers: { Host: host, Origin: origin },
        })
      ).status;
    for (const host of ['chat.example', `chat.example:${web.HTTPSPort}`]) {
      expect(await statusFor(`https://${host}`, host)).toBe(200);
      expect(await statusFor(`http://${host}`, host)).toBe(403);
    }
  });

  test('allows a request without Origin, and Vary keeps caches from reusing its answer', async () => {
    const reply = await ask([], undefined);
    expect(reply).toMatchObject({ status: 200, body: 'home' });
    expect(reply.headers.vary).toBe('Origin');
  });

  test('allows only the methods of the list', async () => {
    const rules = [{ host: ORIGIN, methods: ' get ;POST' }];
    expect((await ask(rules, ORIGIN)).status).toBe(200);
    expect((await ask(rules, ORIGIN, { method: 'HEAD' })).status).toBe(403);
    // CORS allows the method, but the server of files does not know it.
    const post = await ask(rules, ORIGIN, { method: 'POST' });
    expect(post.status).toBe(405);
    expect(post.headers['access-control-allow-origin']).toBe(ORIGIN);
    expect((await ask(rules, ORIGIN, { method: 'DELETE' })).status).toBe(403);
  });

  test('answers a preflight with the list of methods, and decides by it', async () => {
    const rules = [{ host: ORIGIN, methods: 'get;post' }];
    const allowed = await ask(rules, ORIGIN, preflight('POST'));
    expect([allowed.status, allowed.headers['access-control-allow-methods']]).toEqual([204, 'GET, POST']);
    expect(allowed.headers['access-control-allow-headers']).toBeUndefined();
    const refused = await ask(rules, ORIGIN, preflight('DELETE'));
    expect([refused.status, refused.headers['access-control-allow-methods']]).toEqual([403, undefined]);
  });

  test('allows every method that a preflight asks for when there is no list', async () => {
    const reply = await ask([{ host: ORIGIN }], ORIGIN, preflight('DELETE'));
    expect([reply.status, reply.headers['access-control-allow-methods']]).toEqual([204, 'DELETE']);
  });

  test('answers 405 to an OPTIONS request that is no preflight', async () => {
    expect((await ask([{ host: ORIGIN }], ORIGIN, { method: 'OPTIONS' })).status).toBe(405);
  });

  test('adds nothing and refuses nobody when disabled', async () => {
    const { get } = await serve(undefined, { CORSSettings: [{ host: ORIGIN }] });
    for (const origin of [ORIGIN, 'https://other.example']) {
      const { status, headers } = await get('/', { headers: { Origin: origin } });
      expect(status).toBe(200);
      expect(Object.keys(headers).filter((name) => /access-control|vary/.test(name))).toEqual([]);
    }
    const reply = await get('/', { ...preflight('GET'), headers: { Origin: ORIGIN } });
    expect(reply.status).toBe(405);
  });
});
