import { createServer } from 'node:http';
import { describe, expect, test } from 'vitest';
import { accept, refuse, WebSocket, WebSocketServer } from '../../src/index.ts';
import { parseClientOptions } from '../../src/client/client-options.ts';
import { checkHeaders } from '../../src/client/headers.ts';
import { OriginRule } from '../../src/server/origins.ts';
import { parseForwarded } from '../../src/handshake/forwarded.ts';
import {
  isHeaderValue,
  isToken,
  listHasToken,
  parseExtensions,
  parseTokenList,
} from '../../src/handshake/header-grammar.ts';
import { recordingHandler } from '../../src/testing.ts';
import { startAnsweringServer, switchingProtocols } from '../helpers/answering-server.ts';
import { cpuMillisecondsFor } from '../helpers/cpu-time.ts';
import { frame } from '../helpers/frames.ts';
import { startLibraryServer, startServerOf } from '../helpers/library-server.ts';
import { openConnection } from '../helpers/protocol-harness.ts';
import { RawClient } from '../helpers/raw-client.ts';
import { startRawServer } from '../helpers/raw-server.ts';
import { listen } from '../helpers/transport-pairs.ts';

function refused(code: string): unknown {
  return expect.objectContaining({ code });
}

const OBJECT_MEMBERS = ['constructor', '__proto__', 'toString', 'hasOwnProperty', 'valueOf', 'prototype'];

describe('names of object members (ws, 2017: "Sec-WebSocket-Extensions: constructor" crashed)', () => {
  test('are ordinary names in headers, queries, extensions and their parameters', async () => {
    const seen: unknown[] = [];
    const { web } = await startLibraryServer(
      (_, { request }) => {
        seen.push(OBJECT_MEMBERS.map((name) => [request.headers[name.toLowerCase()], request.query[name]]));
        return recordingHandler();
      },
      { compression: true },
    );
    const query = OBJECT_MEMBERS.map((name) => `${name}=q`).join('&');
    const { headers } = await (
      await RawClient.open(web.HTTPPort, {
        path: `/?${query}`,
        headers: [
          ...OBJECT_MEMBERS.map((name) => `${name}: h`),
          `Sec-WebSocket-Extensions: ${OBJECT_MEMBERS.join(', ')}; __proto__=1; constructor`,
          `Sec-WebSocket-Extensions: permessage-deflate; constructor`,
          `Sec-WebSocket-Protocol: ${OBJECT_MEMBERS.join(', ')}`,
        ],
      })
    ).answered;
    expect(seen).toEqual([OBJECT_MEMBERS.map(() => ['h', 'q'])]);
    expect(headers.get('sec-websocket-extensions')).toBeUndefined();
    expect(headers.get('sec-websocket-protocol')).toBeUndefined();
  });

  test.each(OBJECT_MEMBERS)('the extension "%s" in an answer is refused by a client', async (name) => {
    const server = await startRawServer();
    const handler = recordingHandler();
    const ws = new WebSocket(server.url, handler, { compression: true });
    const peer = await server.accept();
    peer.socket.write(peer.answer([`Sec-WebSocket-Extensions: ${name}; ${name}`]));
    expect(await ws.ready).toBeNull();
    expect(handler.errors[0]!.error.code).toBe('ERR_HANDSHAKE_INVALID');
  });
});

describe('too many headers (ws CVE-2024-37890: a handshake header that Node had dropped crashed it)', () => {
  test.each([1, 2, 3, 4, 5, 6, 7, 8])(
    'a server that keeps %d headers goes on, whichever headers are dropped',
    async (kept) => {
      const server = createServer();
      server.maxHeadersCount = kept;
      const port = await listen(server);
      WebSocketServer.new({ onConnection: () => recordingHandler() }, { webServer: server });
      for (const without of [[], ['Host']] as const) {
        const client = await RawClient.request(port, { without });
        // Newer versions of Node refuse the request themselves.
        expect([101, 400, 426, 431]).toContain((await client.answered).status);
      }
      server.maxHeadersCount = 0;
      await RawClient.open(port);
    },
  );

  test('2 500 header lines do not crash the server', async () => {
    const { web } = await startServerOf(recordingHandler());
    const client = await RawClient.request(web.HTTPPort, { headers: Array.from({ length: 2500 }, () => 'a:b') });
    expect([101, 400, 426, 431]).toContain((await client.answered).status);
    await RawClient.open(web.HTTPPort);
  });

  test('17 offers, and an extension header of 4 097 characters, are refused', async () => {
    const { web } = await startServerOf(recordingHandler());
    for (const value of [Array.from({ length: 17 }, () => 'a').join(','), `a;b=${'c'.repeat(4093)}`]) {
      const client = await RawClient.request(web.HTTPPort, { headers: [`Sec-WebSocket-Extensions: ${value}`] });
      expect((await client.answered).status).toBe(400);
    }
  });
});

/** Connects to a server with this answer. Resolves to the client, or to the error. */
async function connectTo(toAnswer: (acceptValue: string) => string): Promise<unknown> {
  const port = await startAnsweringServer((socket, request) => void socket.write(toAnswer(request.accept)));
  return WebSocket.new(`ws://127.0.0.1:${port}`).catch((error: unknown) => error);
}

describe('headers of an answer that vanish behind others (by default Node keeps 1 000 and drops the rest in silence)', () => {
  const junk = 'a:\r\n'.repeat(3500);
  const behindJunk = (answer: string, line: string): string => answer.replace('\r\n\r\n', `\r\n${junk}${line}\r\n\r\n`);

  test.each([
    ['Sec-WebSocket-Protocol: a', 'Sec-WebSocket-Protocol names a subprotocol that was not offered'],
    ['Sec-WebSocket-Extensions: a', 'Sec-WebSocket-Extensions'],
  ])('are seen: %s in a 101', async (line, violation) => {
    const error = await connectTo((value) => behindJunk(switchingProtocols(value), line));
    expect(error).toMatchObject({
      code: 'ERR_HANDSHAKE_INVALID',
      message: expect.stringContaining(violation) as string,
    });
  });

  test('are no reason to refuse a 101 that is right', async () => {
    const ws = (await connectTo((value) => behindJunk(switchingProtocols(value), 'b: c'))) as WebSocket;
    expect(ws.status).toBe('Connected');
    ws.destroy();
  });

  test('are in the error of a refusal', async () => {
    const error = await connectTo(() => behindJunk('HTTP/1.1 503 No\r\nContent-Length: 0\r\n\r\n', 'Retry-After: 7'));
    expect(error).toMatchObject({ code: 'ERR_HANDSHAKE_REFUSED', httpHeaders: { 'retry-after': '7' } });
  });

  test('are in the error of a proxy that refuses', async () => {
    const port = await startAnsweringServer((socket) => {
      socket.write(behindJunk('HTTP/1.1 407 No\r\nContent-Length: 0\r\n\r\n', 'Retry-After: 7'));
    });
    const error: unknown = await WebSocket.new('ws://127.0.0.1:1', {}, { proxy: `http://127.0.0.1:${port}` }).catch(
      (thrown: unknown) => thrown,
    );
    expect(error).toMatchObject({ code: 'ERR_PROXY_REFUSED', httpHeaders: { 'retry-after': '7' } });
  });

  test('are too many where they are longer than Node reads', async () => {
    const error = await connectTo((value) =>
      behindJunk(switchingProtocols(value), 'a: 0123456789abcdef\r\n'.repeat(1000)),
    );
    expect(error).toMatchObject({
      code: 'ERR_HANDSHAKE_INVALID',
      message: expect.stringMatching(/^invalid handshake answer: .*Header overflow/) as string,
    });
  });
});

const READERS: readonly (readonly [name: string, read: (text: string) => unknown])[] = [
  ['isToken', isToken],
  ['isHeaderValue', isHeaderValue],
  ['listHasToken', (text) => listHasToken(text, 'upgrade')],
  ['parseTokenList', parseTokenList],
  ['parseForwarded', parseForwarded],
  [
    'origins',
    (origin) =>
      new OriginRule(undefined).check(
        { url: '/', query: {}, params: {}, headers: { origin }, remoteAddress: '' },
        { address: '', host: 'example.com', isSecure: false, isLocal: false },
      ),
  ],
];

describe('time is linear in the length (ws CVE-2021-32640, websocket-extensions CVE-2020-7662: regular expressions)', () => {
  const PIECES = [
    ' ',
    '\t',
    ',',
    ';',
    '"',
    '\\',
    '=',
    'a',
    'a,',
    ' a ',
    '" ',
    'a=" ',
    '\\"',
    'a;',
    'http://',
    '.',
    '[',
  ];

  test.each(READERS)('of %s', (_, read) => {
    for (const piece of PIECES) {
      // Quadratic work would be 10 000 000 000 steps.
      const text = piece.repeat(100_000 / piece.length);
      for (const value of [text, `a="${text}`, `a${text}a`]) {
        const took = cpuMillisecondsFor(() => void read(value));
        expect(took, value.slice(0, 10)).toBeLessThan(1500);
      }
    }
  });

  test('of parseExtensions, which refuses long headers unread', () => {
    for (const piece of PIECES) {
      const text = piece.repeat(4096 / piece.length);
      const read = (): void => {
        for (let i = 0; i < 100; i++) parseExtensions(text);
      };
      expect(cpuMillisecondsFor(read), piece).toBeLessThan(1500);
      expect(parseExtensions(piece.repeat(5000))).toBeUndefined();
    }
  });
});

test('a message that comes byte by byte is read once (tungstenite CVE-2023-43669: a growing buffer was read again and again)', () => {
  const bytes = 200_000;
  for (const role of ['client', 'server'] as const) {
    const { connection, sink } = openConnection(role, { decodesText: false });
    const stream = frame(role === 'client' ? 'server' : 'client', '82', Buffer.alloc(bytes, 7));
    const receive = (): void => {
      for (let i = 0; i < stream.length; i++) connection.receive(stream.subarray(i, i + 1));
    };
    expect(cpuMillisecondsFor(receive), role).toBeLessThan(5000);
    expect(sink.messages).toHaveLength(1);
  }
});

describe('header injection through options (undici CVE-2026-1527)', () => {
  const BAD = ['a\r\nX-Evil: 1', 'a\n', 'a\rb', 'a\0b', 'a\u0100'];

  test.each(BAD)('%j is refused by the call', (bad) => {
    expect(() => checkHeaders({ 'X-Fine': bad })).toThrow(refused('ERR_INVALID_HEADER'));
    expect(() => checkHeaders({ [bad]: 'fine' })).toThrow(refused('ERR_INVALID_HEADER'));
    expect(() => parseClientOptions({ protocols: [bad] }).limits).toThrow(refused('ERR_INVALID_OPTION'));
    expect(() => refuse(403, 'no', { 'X-Fine': bad })).toThrow(refused('ERR_INVALID_HEADER'));
    expect(() => refuse(403, 'no', { [bad]: 'fine' })).toThrow(refused('ERR_INVALID_HEADER'));
    expect(() => accept(recordingHandler() as object as never, { headers: { 'X-Fine': bad } })).toThrow(
      refused('ERR_INVALID_HEADER'),
    );
    expect(() => accept(recordingHandler() as object as never, { headers: { [bad]: 'fine' } })).toThrow(
      refused('ERR_INVALID_HEADER'),
    );
    expect(() => accept(recordingHandler() as object as never, { protocol: bad })).toThrow(
      refused('ERR_INVALID_OPTION'),
    );
  });

  test('a URL with line breaks adds no header line to the request', async () => {
    const server = await startRawServer();
    const url = `ws://a%0d%0aX-Evil:b@127.0.0.1:${server.port}/x\r\nX-Evil: 1?y\nX-Evil: 2`;
    const ws = new WebSocket(url, recordingHandler());
    const outcome = await Promise.race([server.accept(), ws.ready]);
    const request = outcome === null ? '' : (outcome as { request: string }).request;
    expect(request).not.toMatch(/^X-Evil/m);
    ws.terminate();
  });
});
