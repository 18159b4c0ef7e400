import { WebSocket as UndiciWebSocket } from 'undici';
import { describe, expect, test } from 'vitest';
import {
  accept,
  type Admission,
  bearerToken,
  type ConnectionEvent,
  type FourDError,
  lastErrors,
  refuse,
  secretsEqual,
  tryExpr,
  WebSocket,
  type WebSocketConnection,
  type WebSocketServerOptions,
} from '../../src/index.ts';
import { recordingHandler, recordingServerHandler, type RecordingServerHandler } from '../../src/testing.ts';
import { createDeferred } from '../helpers/deferred.ts';
import { recordErrors } from '../helpers/error-handlers.ts';
import { type LibraryServer, startLibraryServer } from '../helpers/library-server.ts';
import { connectPeer } from '../helpers/peer.ts';
import { type HttpAnswer, RawClient } from '../helpers/raw-client.ts';
import { UndiciPeer } from '../helpers/undici-peer.ts';

type Options = Omit<WebSocketServerOptions, 'webServer'>;
type Decide = (event: ConnectionEvent) => unknown;

interface Started extends LibraryServer {
  readonly server: RecordingServerHandler<unknown>;
}

async function start(decide: Decide, options: Options = {}): Promise<Started> {
  const server = recordingServerHandler({ onConnection: (_, event) => decide(event) });
  return { ...(await startLibraryServer(server, options)), server };
}

/** Sends a handshake with header lines and returns the answer. */
async function answerTo(port: number, headers: readonly string[] = [], without: string[] = []): Promise<HttpAnswer> {
  const client = await RawClient.request(port, { headers, without });
  return client.answered;
}

async function answerOf(decide: Decide, headers: readonly string[] = [], options: Options = {}): Promise<HttpAnswer> {
  const { web } = await start(decide, options);
  return answerTo(web.HTTPPort, headers);
}

function errorOf(act: () => unknown): FourDError {
  try {
    act();
  } catch (error) {
    return error as FourDError;
  }
  throw new Error('nothing was thrown');
}

const accepting: Decide = () => recordingHandler();

function from(origin: string): string[] {
  return [`Origin: ${origin}`];
}

function offer(protocols: string): string[] {
  return [`Sec-WebSocket-Protocol: ${protocols}`];
}

const HOSTILE_VALUES = ['a\r\nx-evil: 1', 'a\nb', 'a\rb', 'a\0b', '\u007F', '€'];
const HOSTILE_NAMES = ['', ' ', 'x a', 'x:', 'x\r\ny', 'é', 'x(1)', 'x\0'];
const RESERVED_NAMES = [
  'Connection',
  'upgrade',
  'Content-Length',
  'transfer-encoding',
  'trailer',
  'te',
  'keep-alive',
  'Sec-WebSocket-Accept',
  'sec-websocket-protocol',
  'SEC-WEBSOCKET-EXTENSIONS',
  'sec-websocket-anything',
];

describe('refuse', () => {
  test('answers with a text body', async () => {
    const answer = await answerOf(() => refuse(429, 'später', { 'Retry-After': '5' }));
    expect(answer.lines).toEqual([
      'HTTP/1.1 429 Too Many Requests',
      'Connection: close',
      'Content-Length: 7',
      'Content-Type: text/plain; charset=utf-8',
      'Retry-After: 5',
    ]);
    expect(answer.body).toBe('später');
  });

  test.each([
    ['an object', { error: 'quota', left: 0 }, '{"error":"quota","left":0}'],
    ['an array', [1, 'é'], '[1,"é"]'],
  ])('answers with %s as JSON', async (_, body, json) => {
    const answer = await answerOf(async () => refuse(403, body));
    expect(answer.headers.get('content-type')).toBe('application/json');
    expect(answer.body).toBe(json);
  });

  test('fills in body and content type, and keeps headers that are given', async () => {
    expect(await answerOf(() => refuse(401))).toMatchObject({ status: 401, body: 'Unauthorized\n' });
    expect(await answerOf(() => refuse(599))).toMatchObject({ status: 599, body: 'Refused\n' });
    const headers = { 'content-type': 'text/html', 'Set-Cookie': ['a=1', 'b=é'] };
    const answer = await answerOf(() => refuse(400, '', headers));
    expect(answer.lines.slice(3)).toEqual(['content-type: text/html', 'Set-Cookie: a=1', 'Set-Cookie: b=é']);
    expect(answer.body).toBe('');
  });

  test('gives the whole answer to the library’s client and runs no connection callback', async () => {
    const { url, server, wss } = await start(() => refuse(402, { price: 5 }, { 'x-plan': 'free' }));
    const handler = recordingHandler();
    const socket = new WebSocket(url, handler);
    expect(await socket.ready).toBeNull();
    const { error } = handler.errors[0]!;
    expect(error).toMatchObject({ code: 'ERR_HANDSHAKE_REFUSED', httpStatus: 402 });
    expect(error.httpHeaders).toMatchObject({ 'x-plan': 'free' });
    expect(Buffer.from(error.httpBody!).toString()).toBe('{"price":5}');
    expect(server.callbacks).toEqual(['onOpen', 'onConnection']);
    expect(wss.connections).toEqual([]);
  });

  test('a close code as the status is told where it goes', () => {
    expect(errorOf(() => refuse(4401)).message).toMatch(
      /received 4401: a close code goes into refuse\(401, \{ closeCode \}\)$/,
    );
  });

  test.each([399, 600, 101, 200, 302, 403.5, NaN, '403', undefined, null])('the status %s is refused', (status) => {
    const error = errorOf(() => refuse(status as number));
    expect(error).toMatchObject({ code: 'ERR_INVALID_REFUSAL', componentSignature: 'HTTP' });
    expect(error.message).toContain('invalid refusal: the status must be a whole number from 400 to 599; received ');
  });

  test.each([
    ['null', null],
    ['a number', 5],
    ['a function', () => 'no'],
    ['a BigInt within', { a: 5n }],
    ['an object whose toJSON returns undefined', { toJSON: () => undefined }],
  ])('the body %s is refused', (_, body) => {
    expect(errorOf(() => refuse(403, body as object)).code).toBe('ERR_INVALID_REFUSAL');
  });
});

describe.each([
  ['refuse', (headers: unknown) => refuse(403, 'no', headers as Record<string, string>)],
  ['accept', (headers: unknown) => accept({ onMessage() {} }, { headers: headers as Record<string, string> })],
])('the headers of %s', (_name, give) => {
  test.each(HOSTILE_VALUES)('throw at the call for the value %j, without showing it', (value) => {
    for (const headers of [{ 'x-a': value }, { 'x-a': ['fine', value] }, { 'set-cookie': value }]) {
      const error = errorOf(() => give(headers));
      expect(error).toMatchObject({ code: 'ERR_INVALID_HEADER', componentSignature: 'HTTP' });
      expect(error.message).not.toContain(value);
    }
  });

  test.each(HOSTILE_NAMES)('throw for the name %j', (name) => {
    expect(errorOf(() => give({ [name]: 'a' })).code).toBe('ERR_INVALID_HEADER');
  });

  test.each(RESERVED_NAMES)('throw for %s, which the library sets', (name) => {
    expect(errorOf(() => give({ [name]: 'a' })).message).toBe(
      `invalid headers: ${name} is set by the library, leave it out`,
    );
  });

  test.each([null, 'x-a: 1', 5, [['x-a', '1']], new Map([['x-a', '1']]), new Headers({ 'x-a': '1' })])(
    '%s is no object with headers',
    (headers) => expect(errorOf(() => give(headers)).code).toBe('ERR_INVALID_HEADER'),
  );

  test.each([undefined, null, 5, {}])('throw for the value %s, which is no string', (value) => {
    expect(errorOf(() => give({ 'x-a': value })).message).toBe('invalid headers: the value of x-a is not a string');
  });

  test('go to the error handler when they are wrong, and the client is refused', async () => {
    expect(tryExpr(() => give({ 'x-a': '\n' }))).toBeNull();
    expect(lastErrors()).toMatchObject([{ componentSignature: 'HTTP' }]);
    const errors = recordErrors();
    expect(await answerOf(() => give({ 'x-a': '\n' }))).toMatchObject({ status: 403 });
    expect(errors).toHaveLength(1);
  });
});

test('an exception of a getter is the cause of the error that is generated', () => {
  const own = new Error('mine');
  const headers = {
    get 'x-a'(): string {
      throw own;
    },
  };
  expect(errorOf(() => refuse(403, 'no', headers))).toMatchObject({
    code: 'ERR_INVALID_HEADER',
    message: 'invalid headers: they cannot be read: mine',
    cause: own,
  });
  const body = {
    toJSON(): never {
      throw own;
    },
  };
  expect(errorOf(() => refuse(403, body))).toMatchObject({ code: 'ERR_INVALID_REFUSAL', cause: own });
  const options = {
    get protocol(): string {
      throw own;
    },
  };
  expect(errorOf(() => accept(recordingHandler(), options))).toMatchObject({
    code: 'ERR_INVALID_OPTION',
    message: 'invalid option: protocol cannot be read: mine',
    cause: own,
  });
});

test('without an error handler a mistake in onConnection answers 500 and runs onError', async () => {
  const { web, server } = await start(() => accept(recordingHandler(), { headers: { 'x-a': '\r\n' } }));
  expect((await answerTo(web.HTTPPort)).status).toBe(500);
  expect(server.errors[0]!.error.code).toBe('ERR_INVALID_HEADER');
});

describe('accept', () => {
  test('sends headers and cookies with the answer, and the connection works', async () => {
    const handler = recordingHandler();
    const headers = { 'x-node': 'a\tb', 'Set-Cookie': ['a=1; HttpOnly', 'b=é'] };
    const { web } = await start(() => accept(handler, { headers }));
    const client = await RawClient.open(web.HTTPPort);
    const { lines } = await client.answered;
    expect(lines[0]).toBe('HTTP/1.1 101 Switching Protocols');
    expect(lines.slice(-3)).toEqual(['x-node: a\tb', 'Set-Cookie: a=1; HttpOnly', 'Set-Cookie: b=é']);
    client.sendText('hello');
    expect(await handler.nextMessage()).toBe('hello');
    expect(((await handler.opened()) as WebSocketConnection).handler).toBe(handler);
  });

  test('sends more headers than fit into one buffer', async () => {
    const values = Array.from({ length: 300 }, (_, i) => `${i}=${'x'.repeat(400)}`);
    const { web } = await start(() => accept(recordingHandler(), { headers: { 'set-cookie': values } }));
    const { lines } = await answerTo(web.HTTPPort);
    expect(lines.slice(-300)).toEqual(values.map((value) => `set-cookie: ${value}`));
  });

  test('without options works like the handler alone', async () => {
    const plain = await answerOf(() => recordingHandler());
    const accepted = await answerOf(() => accept(recordingHandler() as never));
    expect(accepted.lines).toEqual(plain.lines);
  });

  test.each([null, undefined, {}, { onMessage: 5 }, 'handler'])(
    'of what is no handler is a 500: %s',
    async (handler) => {
      const { web, server } = await start(() => accept(handler as never));
      expect((await answerTo(web.HTTPPort)).status).toBe(500);
      expect(server.errors[0]!.error.code).toBe('ERR_INVALID_HANDLER');
    },
  );
});

describe('subprotocols', () => {
  test('none is chosen without a list', async () => {
    const answer = await answerOf(accepting, offer('a, b'));
    expect(answer.status).toBe(101);
    expect(answer.headers.has('sec-websocket-protocol')).toBe(false);
  });

  test('the first of the list that the client offers is chosen; when none fits the client is refused', async () => {
    const options = { protocols: ['v2', 'v1'] };
    expect((await answerOf(accepting, offer('v1, v2'), options)).headers.get('sec-websocket-protocol')).toBe('v2');
    expect(await answerOf(accepting, offer('v3'), options)).toMatchObject({ status: 400 });
  });

  test('onConnection may choose another that was offered, or none', async () => {
    const { web, wss } = await start(
      ({ request }) => accept(recordingHandler() as never, { protocol: request.query['p'] as string }),
      { protocols: ['v2', 'v1'] },
    );
    const chosen = async (protocol: string): Promise<string | undefined> => {
      const client = await RawClient.open(web.HTTPPort, { path: `/?p=${protocol}`, headers: offer('v1, v2, v9') });
      expect(wss.connections.at(-1)!.protocol).toBe(protocol);
      return (await client.answered).headers.get('sec-websocket-protocol');
    };
    expect(await chosen('v1')).toBe('v1');
    expect(await chosen('v9')).toBe('v9');
    expect(await chosen('')).toBeUndefined();
  });

  test('one that the client did not offer is answered with 500', async () => {
    const { web, server } = await start(() => accept(recordingHandler() as never, { protocol: 'v3' }));
    for (const headers of [offer('v1'), []]) expect((await answerTo(web.HTTPPort, headers)).status).toBe(500);
    expect(server.errors.map(({ error }) => error.message)).toEqual([
      'invalid protocol: accept() takes only a subprotocol that the client offered',
      'invalid protocol: accept() takes only a subprotocol that the client offered',
    ]);
  });

  test.each(['a b', 'a\r\nx: y', 'é', 'bearer.abc', 5])('%j is refused as a subprotocol', (protocol) => {
    expect(errorOf(() => accept({ onMessage() {} }, { protocol: protocol as string })).code).toBe('ERR_INVALID_OPTION');
  });
});

describe('a bearer token', () => {
  const SECRET = 'c2VjcmV0-_.~';
  const decide: Decide = ({ request }) => (secretsEqual(bearerToken(request), SECRET) ? recordingHandler() : null);

  test('offered by a page beside a subprotocol is read, and not echoed', async () => {
    const { web, url } = await start(decide, { protocols: ['chat'] });
    const page = new UndiciWebSocket(url, ['chat', `bearer.${SECRET}`]);
    const opened = createDeferred<string>();
    page.addEventListener('open', () => opened.resolve(page.protocol));
    page.addEventListener('error', () => opened.resolve('refused'));
    expect(await opened.promise).toBe('chat');
    page.close();
    const answer = await answerTo(web.HTTPPort, [`Sec-WebSocket-Protocol: bearer.${SECRET}, chat`]);
    expect(answer.lines.join()).not.toContain(SECRET);
    expect(answer.headers.get('sec-websocket-protocol')).toBe('chat');
  });

  test('sent by a program in a header is read', async () => {
    const { web } = await start(decide);
    expect((await answerTo(web.HTTPPort, [`Authorization: Bearer ${SECRET}`])).status).toBe(101);
    expect((await answerTo(web.HTTPPort, ['Authorization: Bearer wrong'])).status).toBe(403);
    expect((await answerTo(web.HTTPPort)).status).toBe(403);
  });

  test('offered by the library’s client is read', async () => {
    const { url } = await start(decide, { protocols: ['chat'] });
    const socket = await WebSocket.new(url, recordingHandler(), { protocols: [`bearer.${SECRET}`, 'chat'] });
    expect(socket?.protocol).toBe('chat');
    socket?.terminate();
  });
});

describe('origins', () => {
  test('a page of another site is refused with the reason, before onConnection runs', async () => {
    const { web, server, url } = await start(accepting);
    const answer = await answerTo(web.HTTPPort, from('https://evil.example'));
    expect(answer.status).toBe(403);
    expect(answer.body).toContain('option "origins"');
    expect(answer.body).not.toContain('evil');
    expect((await answerTo(web.HTTPPort, from('null'))).status).toBe(403);
    expect((await answerTo(web.HTTPPort, [...from('http://localhost'), ...from('http://localhost')])).status).toBe(403);
    expect(server.callbacks).toEqual(['onOpen']);
    await expect(connectPeer(url, { origin: 'http://192.0.2.1:1' })).rejects.toThrow('403');
  });

  test('a page of the same host and a client without Origin are admitted', async () => {
    const { web, url } = await start(accepting);
    expect((await answerTo(web.HTTPPort, from('http://localhost'))).status).toBe(101);
    expect((await answerTo(web.HTTPPort)).status).toBe(101);
    await connectPeer(url, { origin: `http://127.0.0.1:${web.HTTPPort}` });
    const page = new UndiciPeer(url);
    await page.opened;
    expect(page.hasOpened).toBe(true);
  });

  test('a list, "*" and a function decide', async () => {
    const list = { origins: ['https://a.example'] };
    expect((await answerOf(accepting, from('https://a.example'), list)).status).toBe(101);
    expect((await answerOf(accepting, from('http://localhost'), list)).status).toBe(403);
    expect((await answerOf(accepting, from('null'), { origins: '*' })).status).toBe(101);
    const check = { origins: (origin: string) => origin.endsWith('.example') };
    expect((await answerOf(accepting, from('https://b.example'), check)).status).toBe(101);
    expect((await answerOf(accepting, from('https://b.example.evil'), check)).status).toBe(403);
  });

  test('a function that throws answers 500 and runs onError, but not onConnection', async () => {
    const { web, server } = await start(accepting, {
      origins: () => {
        throw new Error('broken');
      },
    });
    expect((await answerTo(web.HTTPPort, from('https://a.example'))).status).toBe(500);
    expect(server.callbacks).toEqual(['onOpen', 'onError']);
    expect(server.errors[0]!.error.message).toBe('origins failed: broken');
  });

  test('are checked after the handshake and the subprotocols', async () => {
    const { web } = await start(accepting, { protocols: ['chat'] });
    const evil = from('https://evil.example');
    expect((await answerTo(web.HTTPPort, evil, ['Sec-WebSocket-Key'])).status).toBe(400);
    expect((await answerTo(web.HTTPPort, [...evil, 'Sec-WebSocket-Protocol: x'])).status).toBe(400);
  });
});

describe('trustedProxies', () => {
  test('take the address of the client from the proxy’s header, in onConnection and later', async () => {
    const { web, server } = await start(() => recordingHandler(), { trustedProxies: ['127.0.0.0/8'] });
    const headers = ['X-Forwarded-For: 6.6.6.6, 192.0.2.1', 'X-Forwarded-For: 127.0.0.9'];
    expect((await answerTo(web.HTTPPort, headers)).status).toBe(101);
    expect(server.eventsOf('connection')[0]!.request.remoteAddress).toBe('192.0.2.1');
    expect((await server.opened()).connections[0]!.request.remoteAddress).toBe('192.0.2.1');
  });

  test('unset, the headers are ignored', async () => {
    const { web, server } = await start(() => null);
    await answerTo(web.HTTPPort, ['X-Forwarded-For: 192.0.2.1', 'Forwarded: for=192.0.2.1']);
    expect(server.eventsOf('connection')[0]!.request.remoteAddress).toBe('127.0.0.1');
  });

  test('refuse headers that contradict each other', async () => {
    const { web, server } = await start(() => null, { trustedProxies: ['127.0.0.1'] });
    const answer = await answerTo(web.HTTPPort, ['X-Forwarded-For: 192.0.2.1', 'Forwarded: for=6.6.6.6']);
    expect(answer.status).toBe(400);
    expect(server.callbacks).toEqual(['onOpen']);
  });

  test('let clients behind a proxy count one by one', async () => {
    const options = { trustedProxies: ['127.0.0.1'], maxConnectionsPerAddress: 1 };
    const { web } = await start(accepting, options);
    const statusFor = async (address: string): Promise<number> =>
      (await answerTo(web.HTTPPort, [`X-Forwarded-For: ${address}`])).status;
    expect(await statusFor('192.0.2.1')).toBe(101);
    expect(await statusFor('192.0.2.2')).toBe(101);
    expect(await statusFor('192.0.2.1')).toBe(429);
    expect(await statusFor('6.6.6.6, 192.0.2.2')).toBe(429);
  });

  test('compare the origin with the host that the proxy saw', async () => {
    const headers = ['Origin: https://a.example', 'X-Forwarded-Host: a.example', 'X-Forwarded-Proto: https'];
    const trusting = { trustedProxies: ['127.0.0.1'] };
    expect((await answerOf(accepting, headers, trusting)).status).toBe(101);
    expect((await answerOf(accepting, headers)).status).toBe(403);
    // A page that was loaded without TLS could come from anyone in between.
    headers[0] = 'Origin: http://a.example';
    expect((await answerOf(accepting, headers, trusting)).status).toBe(403);
  });
});

test('accept works in a promise that onConnection returns', async () => {
  const answer = await answerOf(async (): Promise<Admission<unknown>> =>
    accept(recordingHandler() as never, { headers: { 'x-a': '1' } }),
  );
  expect(answer.headers.get('x-a')).toBe('1');
});
