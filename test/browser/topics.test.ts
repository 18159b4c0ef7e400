/** Topics in real browsers against a real server: the plain client of the page on the wire, and the door with topics. */
import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { describe, expect, onTestFinished, test } from 'vitest';
import { grant, WebSocketServer } from '../../src/index.ts';
import { useBrowser } from '../helpers/browser.ts';
import { describeInFirefox } from '../helpers/firefox.ts';
import { listen } from '../helpers/transport-pairs.ts';

/** The client of a few lines that `docs/reference/topics-wire.md` shows: reconnecting is the page's own. */
const PLAIN = `
  const seen = [], gaps = [];
  const show = (data) => seen.push(data), reloadFromYourApi = () => gaps.push(1);
  const pos = {};
  function connect(url) {
    const ws = new WebSocket(url, '4d-topics.1');
    ws.onopen = () => ws.send(JSON.stringify({ t: 'sub', topic: 'room/1', since: pos['room/1'] ?? { last: 50 } }));
    ws.onmessage = (e) => { for (const f of [JSON.parse(e.data)].flat()) {
      if (f.t === 'm') show(f.data);
      if (f.t === 'gap' || f.state === 'gap') reloadFromYourApi();
      if (f.topic && f.pos) pos[f.topic] = f.pos; } };
    return ws;
  }`;

const PAGE = `<!doctype html><title>Topics</title><script type="module">
  globalThis.problems = [];
  addEventListener('error', ({ message }) => problems.push(message));
  addEventListener('unhandledrejection', ({ reason }) => problems.push(String(reason)));
  import { WebSocket as Client } from './4d-websocket.js';
  globalThis.Client = Client;
  ${PLAIN}
  Object.assign(globalThis, { connect, seen, gaps, url: location.origin.replace('http', 'ws') });
</script>`;

/** Evaluates an expression in a page, and awaits its result. */
type Evaluate = (expression: string) => Promise<unknown>;

/** Starts a server, and opens its page in a browser, which takes texts from a page alike. */
async function start(open: (url: string) => Promise<Evaluate>) {
  const http = createServer((request, response) => {
    const isCode = request.url === '/4d-websocket.js';
    response.setHeader('content-type', isCode ? 'text/javascript' : 'text/html');
    response.end(isCode ? readFileSync(new URL('../../dist/browser-topics.mjs', import.meta.url)) : PAGE);
  });
  const port = await listen(http);
  const handler = {
    onSubscribe: () => grant({ publish: true }),
    onRequest: (_: unknown, { data }: { data: unknown }) => [data],
  };
  const wss = WebSocketServer.new({ onConnection: () => handler }, { webServer: http, topics: true })!;
  onTestFinished(() => {
    wss.terminate(0);
    http.close();
  });
  const toText = await open(`http://127.0.0.1:${port}/`);
  const evaluate: Evaluate = async (expression) => {
    const text = await toText(`Promise.resolve(${expression}).then((value) => JSON.stringify(value ?? null))`);
    return JSON.parse(text as string) as unknown;
  };
  const until = (condition: string): Promise<unknown> =>
    evaluate(`new Promise((done) => {
      const check = () => (${condition} ? done() : setTimeout(check, 5));
      check();
    })`);
  return { evaluate, until, wss };
}

function defineTests(open: (url: string) => Promise<Evaluate>): void {
  test('a plain page of seven lines gets each message once, and misses none while it is away', async () => {
    const { evaluate, until, wss } = await start(open);
    const { topics } = wss;
    for (let n = 0; n < 3; n++) await topics.publish('room/1', n);
    await evaluate('void (globalThis.ws = connect(url))');
    await until('seen.length === 3');
    await topics.publish('room/1', 3);
    await until('seen.length === 4');
    await evaluate('new Promise((done) => { ws.onclose = done; ws.close(); })');
    for (let n = 4; n < 8; n++) await topics.publish('room/1', n);
    await evaluate('void connect(url)');
    await until('seen.length === 8');
    expect(await evaluate('[seen, gaps]')).toEqual([[0, 1, 2, 3, 4, 5, 6, 7], []]);
  });

  test('the door with topics subscribes, publishes, asks, and comes back recovered', async () => {
    const { evaluate, until, wss } = await start(open);
    const states = await evaluate(`(async () => {
    const got = globalThis.got = [], states = globalThis.states = [];
    const ws = globalThis.ws = await Client.connect(url, null, { topics: true, reconnect: { minDelayMs: 1, maxDelayMs: 1 } });
    globalThis.room = ws.subscribe('room/2', {
      onSubscribed: (_, { state }) => states.push(state),
      onMessage: (_, { data }) => got.push(data instanceof Uint8Array ? [...data] : data),
    });
    await room.publish({ a: 1 });
    await room.publish(Uint8Array.of(7, 8));
    return [await ws.request('time'), ws.protocol, (await room.history()).messages.length];
  })()`);
    expect(states).toEqual([['time'], '4d-topics.1', 2]);
    const { session } = wss.connections[0]!;
    for (const connection of wss.connections) connection.destroy();
    await wss.topics.publish('room/2', 'meanwhile');
    await until('got.length === 3');
    expect(await evaluate('[got, states]')).toEqual([
      [{ a: 1 }, [7, 8], 'meanwhile'],
      ['new', 'recovered'],
    ]);
    expect(wss.connections.map((connection) => connection.session)).toEqual([session]);
    expect(await evaluate('problems')).toEqual([]);
  });
}

describe('in Chromium', () => {
  const open = useBrowser();
  defineTests(async (url) => {
    const { page } = await open(url);
    return (expression) => page.evaluate(expression);
  });
});

describeInFirefox(defineTests);
