import { once } from 'node:events';
import { createServer } from 'node:net';
import { describe, expect, onTestFinished, test } from 'vitest';
import { WebSocket as Client } from 'ws';
import { requestPath } from '../helpers/http.ts';
import { connectPeer, type Peer, startPeerServer } from '../helpers/peer.ts';
import { type Program, startExample } from '../helpers/program.ts';
import { startRawServer } from '../helpers/raw-server.ts';

const options = { timeout: 30_000 };

function startChat(env: Readonly<Record<string, string>> = {}): Promise<Program> {
  return startExample('examples/chat.ts', { env });
}

function addressOf(program: Program): Promise<string> {
  return program.printed(/ws:\/\/127\.0\.0\.1:\d+\//);
}

async function nextObject(peer: Peer): Promise<unknown> {
  return JSON.parse(await peer.nextText());
}

/** Connects a guest and reads its welcome. */
async function join(url: string, query = ''): Promise<Peer> {
  const peer = await connectPeer(url + query);
  expect(await nextObject(peer)).toMatchObject({ type: 'welcome' });
  return peer;
}

describe('the chat', options, () => {
  test('tells everybody who joins, talks, changes the name and leaves', async () => {
    const chat = await startChat();
    const url = await addressOf(chat);
    const ann = await join(url, '?name=Ann');
    const guest = await join(url);
    const annAsSeen = { id: expect.any(Number) as number, name: 'Ann', color: 'blue' };
    const guestAsSeen = { id: expect.any(Number) as number, name: 'Guest 1', color: 'red' };
    expect(await nextObject(ann)).toEqual({ type: 'joined', who: guestAsSeen, present: [annAsSeen, guestAsSeen] });

    guest.send('{"text":"hello"}');
    expect(await nextObject(guest)).toEqual({ type: 'message', name: 'Me', color: 'red', text: 'hello' });
    expect(await nextObject(ann)).toEqual({ type: 'message', name: 'Guest 1', color: 'red', text: 'hello' });

    guest.send('{"name":"Ben"}');
    const ben = { ...guestAsSeen, name: 'Ben' };
    const renamed = { type: 'renamed', who: ben, from: 'Guest 1', present: [annAsSeen, ben] };
    expect(await nextObject(guest)).toEqual(renamed);
    expect(await nextObject(ann)).toEqual(renamed);

    guest.socket.close(1001);
    expect(await nextObject(ann)).toEqual({ type: 'left', who: ben, present: [annAsSeen] });
    expect(chat.lines.slice(-4)).toEqual([
      '+ Ann (1 here)',
      '+ Guest 1 (2 here)',
      '  Guest 1 is now Ben',
      '- Ben (1 here)',
    ]);
  });

  test('shortens long names and texts, removes control characters, and survives nonsense', async () => {
    const chat = await startChat();
    const url = await addressOf(chat);
    const peer = await join(url, `?name=${encodeURIComponent(`\u001B[31mEve\n${'x'.repeat(99)}`)}`);
    for (const message of ['null', '42', '[]', '{"text":5,"name":{}}', '{"text":" \\u0007 "}']) peer.send(message);
    peer.send(JSON.stringify({ text: `a\tb\u0000${'y'.repeat(5000)}` }));
    const { text } = (await nextObject(peer)) as { text: string };
    expect(text).toMatch(/^a b y+$/);
    expect(text).toHaveLength(1000);
    expect(await chat.printed(/^\+ .*$/m)).toBe(`+ [31mEve ${'x'.repeat(16)} (1 here)`);
    // A message that is no JSON ends the connection, but not the chat.
    peer.send('nonsense');
    expect(await peer.closed).toMatchObject({ code: 1007 });
    await join(url);
  });

  test('is served to nobody who reaches it under another name (DNS rebinding)', async () => {
    const chat = await startChat();
    const { port } = new URL(await addressOf(chat));
    const statusOf = async (host: string, path: string): Promise<number> =>
      (await requestPath(Number(port), path, { headers: { Host: host } })).status;
    for (const host of ['localhost', '127.0.0.1', '[::1]']) expect(await statusOf(`${host}:${port}`, '/')).toBe(200);
    expect(await statusOf(`evil.example:${port}`, '/')).toBe(421);
    const headers = { Origin: `http://evil.example:${port}`, Host: `evil.example:${port}` };
    const socket = new Client(`ws://127.0.0.1:${port}/`, { headers });
    const [, answer] = (await once(socket, 'unexpected-response')) as [unknown, { statusCode: number }];
    socket.on('error', () => {});
    socket.terminate();
    expect(answer.statusCode).toBe(421);
  });

  test('starts by its name, although the name of its client begins with the same word', async () => {
    const chat = await startExample('scripts/example.ts', { args: ['chat'] });
    await join(await addressOf(chat));
  });

  test('refuses pages of other hosts', async () => {
    const url = await addressOf(await startChat());
    await expect(connectPeer(url, { origin: 'https://example.com' })).rejects.toThrow('403');
    await expect(connectPeer(url, { origin: 'null' })).rejects.toThrow('403');
    const peer = await connectPeer(url, { origin: url.replace('ws:', 'http:').slice(0, -1) });
    expect(await nextObject(peer)).toMatchObject({ type: 'welcome' });
  });

  test.each(['SIGINT', 'SIGTERM'] as const)(
    'ends with code 0 on %s, and closes its clients with 1001',
    async (signal) => {
      const chat = await startChat();
      const peer = await join(await addressOf(chat));
      chat.signal(signal);
      // npm passes Ctrl-C on, so the program gets the signal twice.
      chat.signal(signal);
      expect(await peer.closed).toEqual({ code: 1001, reason: '' });
      expect(await chat.ended).toEqual({ code: 0, signal: null });
      expect(chat.lines.at(-1)).toBe('Stopped');
    },
  );

  test('takes a free port when 8080 is busy and PORT is not set', async () => {
    const squatter = createServer();
    squatter.listen(8080, '127.0.0.1');
    // The test also works when another program has the port.
    await Promise.race([once(squatter, 'listening'), once(squatter, 'error')]);
    onTestFinished(() => void squatter.close());
    const chat = await startChat({ PORT: '' });
    const port = Number(await chat.printed(/http:\/\/127\.0\.0\.1:(\d+)\//));
    expect(port).toBeGreaterThan(8080);
    expect(port).toBeLessThan(8100);
  });

  test.each([
    ['a busy PORT', async () => String((await startPeerServer()).port), /^The chat cannot start: .*EADDRINUSE/],
    ['a PORT that is no number', () => 'eighty', /^The chat cannot start: .*port must be a whole number/],
  ])('prints the problem and ends for %s', async (_, portOf, message) => {
    const chat = await startChat({ PORT: await portOf() });
    expect(await chat.ended).toEqual({ code: 1, signal: null });
    expect(chat.lines).toEqual([expect.stringMatching(message), expect.stringContaining('PORT=9000')]);
  });
});

describe('the shell clients', options, () => {
  test('the chat client shows messages of others, and ends on Ctrl-C', async () => {
    const url = await addressOf(await startChat());
    const client = await startExample('examples/chat-client.ts', { args: [url, 'Ann Lee'] });
    expect(await client.printed(/^You are .*$/m)).toBe('You are Ann Lee. Here: Ann Lee. Type a line; Ctrl-D ends.');
    const peer = await join(url);
    peer.send('{"text":"hello"}');
    peer.send('{"name":"Ben"}');
    await client.printed(/\* Guest 1 joined \(2 here\)\nGuest 1: hello\n\* Guest 1 is now Ben\n/);
    peer.socket.close();
    await client.printed(/\* Ben left \(1 here\)\n/);
    client.signal('SIGINT');
    expect(await client.ended).toEqual({ code: 0, signal: null });
    expect(client.lines.at(-1)).toBe('The chat is over (1000)');
  });

  test('the text client ends when the server closes, while its input is still open', async () => {
    const server = await startPeerServer();
    const client = await startExample('examples/client.ts', { args: [server.url] });
    const peer = await server.accept();
    client.type('one');
    expect(await peer.nextText()).toBe('one');
    peer.send('\u001B[2Jtwo');
    // The client removes characters that would clear the terminal.
    expect(await client.printed(/^< .*$/m)).toBe('<  [2Jtwo');
    peer.socket.close(4000);
    expect(await client.ended).toEqual({ code: 0, signal: null });
    expect(client.lines.at(-1)).toBe('Closed (4000)');
  });

  test.each(['client', 'chat-client'])('%s prints why it cannot connect', async (name) => {
    const server = await startRawServer();
    const client = await startExample(`examples/${name}.ts`, { args: [server.url] });
    const { socket } = await server.accept();
    socket.end('HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n');
    expect(await client.ended).toEqual({ code: 1, signal: null });
    expect(client.output).toContain('404');
  });
});
