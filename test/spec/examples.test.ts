import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { makeFolder } from '../helpers/folder.ts';
import { requestPath } from '../helpers/http.ts';
import { connectPeer, type Peer, startPeerServer } from '../helpers/peer.ts';
import { type Program, startExample } from '../helpers/program.ts';
import { findClosedPort } from '../helpers/raw-server.ts';
import { UndiciPeer } from '../helpers/undici-peer.ts';

// Each example runs as a process of its own, which takes long to start on a busy machine.
const options = { timeout: 30_000 };

/** Resolves to the `ws:` address of a server example, as soon as the example has printed it. */
function addressOf(program: Program): Promise<string> {
  return program.printed(/ws:\/\/127\.0\.0\.1:\d+\//);
}

async function nextObject(peer: Peer): Promise<unknown> {
  return JSON.parse(await peer.nextText());
}

/** Tries to connect. Resolves to `open`, or to the message of the error. */
async function attempt(url: string): Promise<string> {
  return connectPeer(url).then(
    () => 'open',
    (error: unknown) => (error as Error).message,
  );
}

describe('E1, the basic client', options, () => {
  test('4D-173 the basic client sends "Hello world" once, shows each message and the end once', async () => {
    const server = await startPeerServer();
    const program = await startExample('examples/e1-basic-client.ts', { args: [server.url] });
    const peer = await server.accept();
    expect(await peer.nextText()).toBe('Hello world');
    peer.send('first');
    peer.send('second');
    peer.socket.close(1000);
    expect(await program.ended).toEqual({ code: 0, signal: null });
    expect(program.lines).toEqual(['first', 'second', 'Connection closed']);
    expect(peer.messages.all).toHaveLength(1);
  });

  test('4D-173 the basic client gets null for a dead URL, and an error', async () => {
    const port = await findClosedPort();
    const program = await startExample('examples/e1-basic-client.ts', { args: [`ws://127.0.0.1:${port}/`] });
    expect(await program.ended).toEqual({ code: 0, signal: null });
    expect(program.lines).toEqual([
      expect.stringMatching(/^Error 1006: cannot connect: .*ECONNREFUSED/),
      'The WebSocket object is null',
    ]);
  });

  test('4D-173 the basic client runs without any server but its own', async () => {
    const program = await startExample('scripts/example.ts', { args: ['e1'] });
    expect(await program.ended).toEqual({ code: 0, signal: null });
    expect(program.lines).toEqual(['The server got: Hello world', 'Connection closed']);
  });
});

describe('E2, the uppercase server', options, () => {
  test('4D-170 the uppercase server, made in a worker, answers "hello" with "HELLO" until its worker ends it', async () => {
    const program = await startExample('examples/e2-uppercase-server.ts');
    const url = await addressOf(program);
    // callWorker returned before the worker ran.
    expect(program.lines[0]).toBe('The call of the worker returned');
    const peer = await connectPeer(url);
    const other = new UndiciPeer(url);
    await other.opened;
    peer.send('hello');
    other.socket.send('straße');
    expect(await peer.nextText()).toBe('HELLO');
    expect(await other.messages.next()).toBe('STRASSE');
    program.signal('SIGINT');
    expect(await peer.closed).toEqual({ code: 1000, reason: '' });
    expect(await other.closed).toEqual({ code: 1000, reason: '', wasClean: true });
    expect(await program.ended).toEqual({ code: 0, signal: null });
  });

  test('4D-170 the shell client talks to the uppercase server', async () => {
    const server = await startExample('examples/e2-uppercase-server.ts');
    const client = await startExample('examples/client.ts', { args: [await addressOf(server)] });
    client.type('hello');
    expect(await client.printed(/^< .*$/m)).toBe('< HELLO');
    client.endInput();
    expect(await client.ended).toEqual({ code: 0, signal: null });
    expect(client.lines.at(-1)).toBe('Closed (1000)');
  });

  test('4D-170 a busy port is reported, and ends the program', async () => {
    const busy = await startPeerServer();
    const program = await startExample('examples/e2-uppercase-server.ts', { env: { PORT: String(busy.port) } });
    expect(await program.ended).toEqual({ code: 1, signal: null });
    expect(program.output).toContain(`port ${busy.port}`);
  });
});

describe('E3, the address check', options, () => {
  test('4D-171 a refused address never opens, an accepted one does, and the log lines come in order', async () => {
    const file = join(makeFolder(), 'addresses.txt');
    const program = await startExample('examples/e3-address-check.ts', { args: [file] });
    const url = await addressOf(program);
    // The file of addresses does not exist yet: the check fails, the client is refused, and the server goes on.
    expect(await attempt(url)).toContain('500');
    await program.printed(/!!! Server error/);
    writeFileSync(file, '192.0.2.1\n');
    expect(await attempt(url)).toContain('403');
    writeFileSync(file, '192.0.2.1\n127.0.0.1\n');
    const peer = await connectPeer(url);
    peer.send('hello');
    expect(await peer.nextText()).toBe('You said: hello');
    program.signal('SIGINT');
    expect(await peer.closed).toEqual({ code: 1001, reason: '' });
    expect(await program.ended).toEqual({ code: 0, signal: null });
    expect(program.lines.filter((line) => /^(\*\*\*|!!!)/.test(line))).toEqual([
      '*** Server started',
      expect.stringMatching(/^!!! Server error: onConnection failed: ENOENT/),
      '*** Server closed',
    ]);
  });

  test('4D-171 without a file of addresses 127.0.0.1 is accepted', async () => {
    expect(await attempt(await addressOf(await startExample('examples/e3-address-check.ts')))).toBe('open');
  });
});

describe('E4, the chat', options, () => {
  test('4D-172 three clients are told of welcome, arrivals, messages and departures', async () => {
    const program = await startExample('examples/e4-chat.ts');
    const url = await addressOf(program);
    const first = await connectPeer(url);
    expect(await first.nextText()).toBe('Welcome on the chat!');
    const second = await connectPeer(url);
    expect(await second.nextText()).toBe('Welcome on the chat!');
    expect(await first.nextText()).toBe('New client connected');
    const third = await connectPeer(url);
    expect(await third.nextText()).toBe('Welcome on the chat!');
    expect([await first.nextText(), await second.nextText()]).toEqual(['New client connected', 'New client connected']);

    second.send('hello from the second');
    expect([await first.nextText(), await third.nextText()]).toEqual([
      'hello from the second',
      'hello from the second',
    ]);
    third.socket.close(1000);
    expect([await first.nextText(), await second.nextText()]).toEqual(['Client disconnected', 'Client disconnected']);
    // No client gets its own messages.
    expect(second.messages.all.map(({ bytes }) => bytes.toString())).not.toContain('hello from the second');

    program.signal('SIGINT');
    expect([await first.closed, await second.closed]).toEqual([
      { code: 1001, reason: '' },
      { code: 1001, reason: '' },
    ]);
    expect(await program.ended).toEqual({ code: 0, signal: null });
    // The only output is the address. No error was printed, not even while all connections were closing.
    expect(program.lines).toEqual([`The chat is at ${url}`]);
  });
});

describe('E5, the headers client', options, () => {
  test('4D-174 one x-authorization header and one Cookie header with both pairs arrive', async () => {
    const server = await startPeerServer();
    const program = await startExample('examples/e5-client-headers.ts', { args: [server.url] });
    const peer = await server.accept();
    expect(peer.headerLines('x-authorization')).toEqual(['my-token']);
    expect(peer.headerLines('cookie')).toEqual(['yummy_cookie=choco; tasty_cookie=strawberry']);
    expect(await peer.closed).toEqual({ code: 1000, reason: '' });
    expect(await program.ended).toEqual({ code: 0, signal: null });
    expect(program.lines).toEqual(['Connected', 'Connection closed']);
  });

  test('4D-174 the headers client runs without any server but its own', async () => {
    const program = await startExample('examples/e5-client-headers.ts');
    expect(await program.ended).toEqual({ code: 0, signal: null });
    expect(program.lines).toEqual([
      'The server got x-authorization: my-token',
      'The server got cookie: yummy_cookie=choco; tasty_cookie=strawberry',
      'Connected',
      'Connection closed',
    ]);
  });
});

describe('E6, the object chat', options, () => {
  test('4D-175 a client of the library and a client with the WebSocket of browsers exchange messages', async () => {
    const program = await startExample('examples/e6-object-chat.ts');
    const url = await addressOf(program);
    const shell = await startExample('examples/chat-client.ts', { args: [url] });
    await shell.printed(/You are Client 1/);
    const browser = new UndiciPeer(url);
    await browser.opened;
    const second = { id: expect.any(Number) as number, name: 'Client 2', color: expect.any(String) as string };
    expect(JSON.parse(String(await browser.messages.next()))).toEqual({
      type: 'welcome',
      who: second,
      present: [expect.objectContaining({ name: 'Client 1' }), second],
    });
    await shell.printed(/\* Client 2 joined \(2 here\)/);

    browser.socket.send(JSON.stringify({ text: 'hello' }));
    expect(JSON.parse(String(await browser.messages.next()))).toEqual({
      type: 'message',
      name: 'Me',
      color: second.color,
      text: 'hello',
    });
    expect(await shell.printed(/^.*: hello$/m)).toBe('Client 2: hello');
    shell.type('good day');
    expect(JSON.parse(String(await browser.messages.next()))).toMatchObject({ name: 'Client 1', text: 'good day' });
    expect(await shell.printed(/^.*: good day$/m)).toBe('Me: good day');

    shell.endInput();
    expect(await shell.ended).toEqual({ code: 0, signal: null });
    expect(JSON.parse(String(await browser.messages.next()))).toMatchObject({
      type: 'left',
      who: { name: 'Client 1' },
      present: [{ name: 'Client 2' }],
    });
    program.signal('SIGINT');
    expect(await browser.closed).toMatchObject({ code: 1001, wasClean: true });
    expect(await program.ended).toEqual({ code: 0, signal: null });
  });

  test('4D-175 a client that sends unexpected messages does no harm', async () => {
    const url = await addressOf(await startExample('examples/e6-object-chat.ts'));
    const peer = await connectPeer(url);
    await peer.nextText();
    for (const message of ['null', '42', '[]', '{"text":5}', '{"text":"fine"}']) peer.send(message);
    for (const text of ['', '', '', '', 'fine']) expect(await nextObject(peer)).toMatchObject({ name: 'Me', text });
  });
});

describe('E7, the shutdown', options, () => {
  test('4D-176 both clients end with 1000 in order of arrival, then the server, and a fresh worker starts', async () => {
    const program = await startExample('examples/e7-shutdown.ts');
    expect(await program.ended).toEqual({ code: 0, signal: null });
    expect(program.lines).toEqual([
      'Client 1 closed 1000',
      'Client 2 closed 1000',
      'Server closed',
      'The fresh worker has no variable wss: true',
    ]);
  });
});

describe('E8, the page', options, () => {
  test('4D-177 the web server serves the page, and the WebSocket of browsers connects to it', async () => {
    const program = await startExample('examples/e8-browser-page.ts');
    const port = Number(await program.printed(/http:\/\/127\.0\.0\.1:(\d+)\//));
    const page = await requestPath(port, '/');
    expect(page).toMatchObject({
      status: 200,
      headers: { 'content-type': expect.stringContaining('text/html') as string },
    });
    expect(page.body).toContain('new WebSocket(');
    const first = new UndiciPeer(`ws://127.0.0.1:${port}/`);
    expect(await first.messages.next()).toBe('Welcome on the chat!');
    const second = new UndiciPeer(`ws://127.0.0.1:${port}/`);
    expect(await second.messages.next()).toBe('Welcome on the chat!');
    second.socket.send('hello');
    expect(await first.messages.next()).toBe('New client connected');
    expect(await first.messages.next()).toBe('hello');
    program.signal('SIGINT');
    expect(await first.closed).toMatchObject({ code: 1001, wasClean: true });
    expect(await program.ended).toEqual({ code: 0, signal: null });
  });
});
