import { mkdtemp, readFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { accept, grant, WebSocket, WebSocketServer } from '../../src/index.ts';
import { type CheckedTopics, checkTopics } from '../../src/server/topic-options.ts';
import { type Program, startExample } from '../helpers/program.ts';

// The programs of the guides of topics, as newcomers copy them.
const FOLDER = join(import.meta.dirname, '../../examples/topics');
const TIMEOUT = { timeout: 60_000 };

/** Starts a program of the guides in its folder, where the server finds its page. */
function start(name: string, args: string[] = [], port = '0'): Promise<Program> {
  const env = { PORT: port, TSX_TSCONFIG_PATH: join(FOLDER, '../../tsconfig.json') };
  return startExample(`${name}.ts`, { args, env, cwd: FOLDER });
}

/** Connects as a client, until the test ends. */
async function connect(url: string, protocols: string[] = []): Promise<WebSocket> {
  const ws = await WebSocket.connect(url, null, { topics: true, protocols });
  onTestFinished(() => ws.destroy());
  return ws;
}

test('rooms: what is said, who is there, what was missed, and a gap behind a new server', TIMEOUT, async () => {
  const server = await start('server');
  const url = await server.printed(/ws:\/\/\S+/);
  const ann = await start('client', ['Ann', 'tea', url]);
  await ann.printed(/in room tea \(new\)/);
  ann.type('is anybody here?');
  await ann.printed(/^Ann: is anybody here\?$/m);
  const bob = await start('client', ['Bob', 'tea', url]);
  await bob.printed(/^\(earlier\) Ann: is anybody here\?$/m);
  await ann.printed(/^\* Bob has come$/m);
  bob.type('hello Ann');
  await ann.printed(/^Bob: hello Ann$/m);
  ann.type('x'.repeat(501));
  await ann.printed(/not said: .*denied/);
  bob.endInput();
  await ann.printed(/^\* Bob has left$/m);
  const stranger = await start('client', ['Eve', 'a-b', url]);
  await stranger.printed(/refused: there is no room\/a-b \(denied\)/);
  await server.kill();
  await start('server', [], new URL(url).port);
  expect(await ann.printed(/in room tea \((gap)\)/)).toBe('gap');
});

test('resume: goes on behind what was worked on, in another run of the program', TIMEOUT, async () => {
  const wss = await WebSocketServer.serve(
    { onConnection: () => accept({ onSubscribe: () => grant() }) },
    { port: 0, topics: true },
  );
  onTestFinished(() => wss.terminate());
  const file = join(await mkdtemp(join(tmpdir(), 'topics-')), 'position.txt');
  await wss.topics.publish('orders', 'one');
  const first = await start('resume', [wss.url, file]);
  await first.printed(/working on one/);
  const position = (await wss.topics.history('orders')).messages[0]?.position;
  await expect.poll(() => readFile(file, 'utf8').catch(() => '')).toBe(position);
  await first.kill();
  await wss.topics.publish('orders', 'two');
  const second = await start('resume', [wss.url, file]);
  await second.printed(/working on two/);
  expect(second.output).toBe('recovered, 1 waiting\nworking on two\n');
});

test('publish: state, one order, and the history', TIMEOUT, async () => {
  const program = await start('publish');
  expect(await program.ended).toMatchObject({ code: 0 });
  expect(program.lines).toEqual(['state: tea { euro: 12 }', 'again: true true']);
});

test('presence: who comes and goes', TIMEOUT, async () => {
  const program = await start('presence');
  await program.printed(/^here: Bob { color: 'blue' }$/m);
  await program.printed(/^Ann sees Bob come { color: 'blue' }$/m);
  expect(await program.printed(/^Ann sees (Bob) leave$/m)).toBe('Bob');
});

test('limits: every option has the value that it has by default', TIMEOUT, async () => {
  const program = await start('limits');
  expect(await program.ended).toMatchObject({ code: 0 });
  const shown = (await readFile(join(FOLDER, 'limits.ts'), 'utf8')).replaceAll(/(?<=\d)_(?=\d)/g, '');
  const { limits, history, presence, onSlow } = checkTopics(true) as CheckedTopics;
  for (const [name, value] of Object.entries({ ...limits, ...history, ...presence })) {
    expect(shown).toContain(`${name}: ${value}`);
  }
  expect(shown).toContain(`onSlow: '${onSlow}'`);
});

test('outcome: stored or not', TIMEOUT, async () => {
  const url = `${await (await start('server')).printed(/ws:\/\/\S+/)}?name=Ann`;
  const stored = await start('outcome', [url]);
  expect(await stored.printed(/^stored$/m)).toBe('stored');
  const refused = await start('outcome', [url, 'x'.repeat(501)]);
  expect(await refused.printed(/^not stored: .*(denied)/m)).toBe('denied');
});

test('sign-in: who may enter, write, is invited, and signed out', TIMEOUT, async () => {
  const program = await start('sign-in');
  const url = await program.printed(/ws:\/\/\S+/);
  await expect(connect(url)).rejects.toMatchObject({ httpStatus: 401 });
  const ann = await connect(url, ['bearer.token-of-ann']);
  const bob = await connect(url, ['bearer.token-of-bob']);
  const refused = new Promise((resolve) => {
    bob.subscribe('room/pot', { onRefused: (_, event) => resolve(event) });
  });
  expect(await refused).toMatchObject({ code: 'denied', message: 'bob may not enter room/pot' });
  const heard = new Promise((resolve) => {
    bob.subscribe('room/tea', {
      onSubscribed: () => ann.publish('room/tea', '  hi  '),
      onMessage: (_, e) => resolve(e),
    });
  });
  const bare = new Promise((resolve) => {
    const plain = new WebSocket(
      url,
      { onMessage: (_, { data }) => resolve(data) },
      { protocols: ['bearer.token-of-ann'] },
    );
    onTestFinished(() => plain.destroy());
  });
  ann.subscribe('room/tea', {});
  expect(await heard).toMatchObject({ from: 'ann', data: 'hi' });
  await expect(bob.publish('room/tea', 'hi')).rejects.toMatchObject({ code: 'ERR_TOPIC_REFUSED', stored: 'no' });
  await ann.publish('room/tea', 'are you there?');
  expect(await bare).toMatch(/^hi$|^are you/);
  const invited = new Promise((resolve) => {
    bob.subscribe('@me', { onSubscribed: () => program.type('invite bob'), onMessage: (_, { data }) => resolve(data) });
  });
  expect(await invited).toEqual({ invitedTo: 'room/pot' });
  program.type('sign-out bob');
  await expect.poll(() => bob.status).toBe('Closed');
  expect(ann.status).toBe('Connected');
});
