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

type Frame = Readonly<Record<string, unknown>>;

/** Reads the next frame of one of these kinds. */
async function nextFrame(peer: Peer, ...kinds: string[]): Promise<Frame> {
  for (;;) {
    const frame = JSON.parse(await peer.nextText()) as Frame;
    if (kinds.includes(String(frame['t']))) return frame;
  }
}

function send(peer: Peer, frame: Frame): void {
  peer.send(JSON.stringify(frame));
}

interface Guest {
  readonly peer: Peer;
  readonly who: { readonly id: string; readonly name: string; readonly color: string };
  readonly session: string;
}

/** Connects a guest and reads who it is. @param session - the secret of a guest that comes back */
async function join(url: string, query = '', session?: string): Promise<Guest> {
  const back = session === undefined ? [] : [`session.${session}`];
  const peer = await connectPeer(url + query, { protocols: ['4d-topics.1', ...back] });
  const hi = await nextFrame(peer, 'hi');
  const { data } = await nextFrame(peer, 'msg');
  expect(data).toMatchObject({ type: 'welcome' });
  return { peer, who: (data as Guest)['who'], session: String(hi['session']) };
}

/** Enters a room. Returns the answer, after which the members follow. */
function enter(peer: Peer, topic = 'room/lobby'): Promise<Frame> {
  send(peer, { t: 'sub', topic, since: { last: 50 }, presence: { show: true, watch: true } });
  return nextFrame(peer, 'subbed', 'unsubbed');
}

describe('the chat', options, () => {
  test('says who speaks, whatever the client says, who is here, and what was said before', async () => {
    const url = await addressOf(await startChat());
    const ann = await join(url, '?name=Ann');
    const guest = await join(url, '?color=orange');
    expect([ann.who, guest.who]).toEqual([
      { id: expect.stringMatching(/^[\w-]{43}$/) as string, name: 'Ann', color: 'blue' },
      { id: expect.stringMatching(/^[\w-]{43}$/) as string, name: 'Guest 1', color: 'orange' },
    ]);
    await enter(ann.peer);
    send(ann.peer, { t: 'pub', topic: 'room/lobby', data: { ...guest.who, text: 'hello' }, id: 1 });
    expect(await nextFrame(ann.peer, 'm')).toMatchObject({ data: { ...ann.who, text: 'hello' } });
    expect(await enter(guest.peer)).toMatchObject({ state: 'new', missed: 1 });
    expect(await nextFrame(guest.peer, 'm')).toMatchObject({ data: { ...ann.who, text: 'hello' }, r: 1 });
    const { id, ...info } = guest.who;
    for (let seen = ''; !seen.includes(id);) seen = JSON.stringify(await nextFrame(ann.peer, 'who'));
    send(ann.peer, { t: 'who', topic: 'room/lobby', id: 2 });
    expect(await nextFrame(ann.peer, 'who')).toMatchObject({
      list: expect.arrayContaining([expect.objectContaining({ id, info })]) as object,
    });
    // Who comes back is the same, and may have another name. Nobody has left.
    const ben = await join(url, '?name=Ben&color=blue', guest.session);
    expect(ben.who).toEqual({ id, name: 'Ben', color: 'red' });
    await enter(ben.peer);
    guest.peer.socket.close();
    expect(await nextFrame(ann.peer, 'who')).toMatchObject({ join: [{ id, info: { name: 'Ben' } }] });
  });

  test('shortens long names and texts, removes control characters, and refuses nonsense', async () => {
    const chat = await startChat();
    const url = await addressOf(chat);
    const { peer } = await join(url, `?name=${encodeURIComponent(`\u001B[31mEve\n${'x'.repeat(99)}`)}&color=mauve`);
    expect(await chat.printed(/^\+ .*$/m)).toBe(`+ [31mEve ${'x'.repeat(16)} (1 here)`);
    await enter(peer);
    const topic = 'room/lobby';
    for (const data of [null, 42, [], { text: 5 }, { text: ' \u0007 ' }]) {
      send(peer, { t: 'pub', topic, data, id: 1 });
      expect(await nextFrame(peer, 'm', 'err')).toMatchObject({ t: 'err', code: 'denied' });
    }
    send(peer, { t: 'pub', topic: 'elsewhere', data: { text: 'hello' }, id: 2 });
    expect(await nextFrame(peer, 'ok', 'err')).toMatchObject({ t: 'err', code: 'denied' });
    send(peer, { t: 'pub', topic, data: { text: `a\tb\u0000${'y'.repeat(5000)}` }, id: 3 });
    const { data } = await nextFrame(peer, 'm');
    expect(data).toMatchObject({ text: `a b ${'y'.repeat(996)}` });
  });

  test('has rooms of all names that are words, and no other topics', async () => {
    const { peer } = await join(await addressOf(await startChat()));
    for (const topic of ['lobby', 'room/', 'room/a b', 'room/(b)', 'room/-', `room/${'x'.repeat(33)}`]) {
      const message = 'the name of a room has 1 to 32 letters, digits, - or _';
      expect(await enter(peer, topic)).toMatchObject({ t: 'unsubbed', code: 'denied', message });
    }
    for (const topic of ['room/bücher-2_', `room/${'x'.repeat(32)}`]) {
      expect(await enter(peer, topic)).toMatchObject({ t: 'subbed' });
    }
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
    expect(JSON.parse(await peer.nextText())).toMatchObject({ type: 'welcome' });
  });

  test.each(['SIGINT', 'SIGTERM'] as const)(
    'ends with code 0 on %s, and closes its clients with 1012',
    async (signal) => {
      const chat = await startChat();
      const { peer } = await join(await addressOf(chat));
      chat.signal(signal);
      // npm passes Ctrl-C on, so the program gets the signal twice.
      chat.signal(signal);
      expect(await peer.closed).toEqual({ code: 1012, reason: '' });
      expect(await chat.ended).toEqual({ code: 0, signal: null });
      expect(chat.lines.at(-1)).toBe('Stopped');
    },
  );

  test('takes a free port when 8080 is busy and PORT is not set', async () => {
    const squatter = createServer();
    squatter.listen(8080, '127.0.0.1');
    // The test also works when another program has the port.
    await once(squatter, 'listening').catch(() => {});
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
  test('the chat client shows what others say, what was said before, and what a restart has lost', async () => {
    const chat = await startChat();
    const url = await addressOf(chat);
    const { peer, session } = await join(url);
    await enter(peer, 'room/books');
    send(peer, { t: 'pub', topic: 'room/books', data: { text: 'before' }, id: 1 });
    await nextFrame(peer, 'ok');
    const client = await startExample('examples/chat-client.ts', { args: [url, 'Ann Lee', 'books'] });
    await client.printed(/^You are Ann Lee\. Type a line; Ctrl-D ends\.\n/);
    await client.printed(/^Guest 1: before\n/m);
    await client.printed(/^\* Here: Guest 1, Ann Lee\n/m);
    client.type('hello');
    await client.printed(/^Me: hello\n/m);
    const ben = await join(url, '?name=Ben', session);
    await enter(ben.peer, 'room/books');
    peer.socket.close();
    await client.printed(/\* Guest 1 is now Ben\n/);
    send(ben.peer, { t: 'unsub', topic: 'room/books' });
    await client.printed(/\* Ben left \(1 here\)\n/);

    await chat.kill();
    await client.printed(/\* Connection lost: reconnecting\n/);
    await startChat({ PORT: new URL(url).port });
    await client.printed(/\* You are back, but the chat has lost what was said before/);
    client.type('goodbye');
    await client.printed(/^Me: goodbye\n/m);
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
