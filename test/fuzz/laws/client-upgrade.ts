import fc from 'fast-check';
import { once } from 'node:events';
import { type IncomingMessage, type OutgoingHttpHeaders, request as httpRequest } from 'node:http';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import { Duplex } from 'node:stream';
import { expect } from 'vitest';
import { Dial } from '../../../src/client/dial.ts';
import { parseWebSocketUrl } from '../../../src/client/web-socket-url.ts';
import { readFastUpgradeAnswer } from '../../../src/handshake/fast-upgrade-answer.ts';
import { type RequestHeaders, writePlainRequest } from '../../../src/handshake/plain-request.ts';
import { acceptValue } from '../../../src/handshake/server-handshake.ts';
import { cutStream } from '../../helpers/arbitraries.ts';
import { turns } from '../../helpers/turns.ts';
import { defineLaw, type Law } from '../law.ts';
import { headerLine, mostly } from './fast-upgrade-request.ts';

/** Stands in answers for the Sec-WebSocket-Accept that the request demands. */
const ACCEPT = 'ACCEPT';

const STATUS_LINES = [
  'HTTP/1.1 101 ',
  'HTTP/1.1 101',
  'HTTP/1.1 101  x',
  'HTTP/1.1 101 \u00e9',
  'HTTP/1.1 101 a\tb',
  'HTTP/1.1 101 a\0b',
  'HTTP/1.0 101 x',
  'HTTP/1.2 101 x',
  'HTTP/2.0 101 x',
  'http/1.1 101 x',
  'ICY 101 x',
  'HTTP/1.1 1010 x',
  'HTTP/1.1 0101 x',
  'HTTP/1.1 100 Continue',
  'HTTP/1.1 103 Early Hints',
  'HTTP/1.1 200 OK',
  'HTTP/1.1 204 No',
  'HTTP/1.1 401 No',
  ' HTTP/1.1 101 x',
  '\r\nHTTP/1.1 101 x',
];

const USUAL: readonly (readonly [string, string])[] = [
  ['Upgrade', 'websocket'],
  ['Connection', 'Upgrade'],
  ['Sec-WebSocket-Accept', ACCEPT],
];

const OTHER_VALUES = ['websocket', 'WebSocket', 'h2c', 'Upgrade', 'upgrade', 'keep-alive, Upgrade', 'close', '', 'x\0'];

/** Generates answers to an upgrade request: some in their plain form, most of them with one or two deviations. */
export const upgradeAnswer: fc.Arbitrary<string> = fc
  .record({
    status: mostly('HTTP/1.1 101 Switching Protocols', fc.constantFrom(...STATUS_LINES)),
    changed: fc.array(fc.tuple(fc.nat(2), fc.constantFrom(...OTHER_VALUES)), { maxLength: 1 }),
    more: fc.array(headerLine, { maxLength: 2 }),
    at: fc.nat(3),
  })
  .map(({ status, changed, more, at }) => {
    const lines = USUAL.map(([name, right], i) => {
      const other = changed.find(([index]) => index === i)?.[1];
      return `${name}: ${other ?? right}\r\n`;
    });
    lines.splice(at, 0, ...more);
    return `${status}\r\n${lines.join('')}\r\n`;
  });

const RIGHT = `HTTP/1.1 101 Switching Protocols\r\n${USUAL.map(([name, value]) => `${name}: ${value}\r\n`).join('')}\r\n`;

/** Generates everything that may come from a server, one answer or several, with bytes behind them. */
const stream: fc.Arbitrary<string> = fc
  .array(
    fc.oneof(
      { weight: 3, arbitrary: upgradeAnswer },
      {
        weight: 2,
        arbitrary: fc.constantFrom(
          RIGHT,
          'HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n',
          'HTTP/1.1 100 Continue\r\n\r\n'.repeat(101),
          'HTTP/1.1 403 No\r\nContent-Length: 5\r\n\r\nhello',
          'HTTP/1.1 403 No\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n',
          `HTTP/1.1 403 No\r\n\r\n${'x'.repeat(70_000)}`,
          `HTTP/1.1 101 x\r\nX: ${'x'.repeat(20_000)}\r\n\r\n`,
          RIGHT.replace('\r\n\r\n', `\r\nX: ${'x'.repeat(9000)}\r\n\r\n`),
          RIGHT.replace('\r\n\r\n', `\r\n${'X: y\r\n'.repeat(2000)}\r\n`),
          'HTTP/1.1 301 x\r\nLocation: /\r\nContent-Length: 0\r\n\r\n',
          'SSH-2.0-OpenSSH_9.6\r\n',
          '\u0016\u0003\u0001\u0002\0\u0001\0',
          '',
        ),
      },
    ),
    { minLength: 1, maxLength: 2 },
  )
  .chain((answers) => fc.constantFrom('', 'behind', '\r\n\r\n').map((behind) => answers.join('') + behind))
  .chain((text) =>
    mostly(
      text,
      fc.nat(text.length).map((end) => text.slice(0, end)),
    ),
  );

/** Cuts of a stream: mostly none, as servers send their answer. */
const cuts = mostly([1_000_000], fc.array(fc.constantFrom(1, 2, 3, 20, 100, 1000), { minLength: 1, maxLength: 3 }));

/** Returns the 101 that Node's own parser reads in these bytes. */
async function parseByNode(bytes: Buffer): Promise<{ response: IncomingMessage; head: Buffer } | undefined> {
  const socket = new Duplex({ read() {}, write: (_, __, done) => done() });
  const request = httpRequest({ createConnection: () => socket });
  let found: { response: IncomingMessage; head: Buffer } | undefined;
  request.on('error', () => {});
  request.on('upgrade', (response, _socket, head) => {
    found = { response, head };
  });
  request.end();
  socket.push(bytes);
  await turns(2);
  socket.destroy();
  return found;
}

/** Returns the request that node:http writes, undefined when it refuses to. */
async function writeByNode(path: string, headers: OutgoingHttpHeaders): Promise<string | undefined> {
  const pieces: Buffer[] = [];
  const socket = new Duplex({
    read() {},
    write(piece: Buffer, _encoding, done) {
      pieces.push(piece);
      done();
    },
  });
  try {
    const request = httpRequest({ method: 'GET', path, headers, setHost: false, createConnection: () => socket });
    request.on('error', () => {});
    request.end();
  } catch {
    return undefined;
  }
  await turns(2);
  socket.destroy();
  return Buffer.concat(pieces).toString('latin1');
}

const oddText = fc.string({
  unit: fc.constantFrom('a', 'B', '1', '-', '_', ' ', '\t', '\r', '\n', '\0', '\u007f', '\u00e9', '\u20ac', ':', '%'),
  maxLength: 4,
});
const SPECIAL_NAMES = [
  'Cookie|Trailer|Expect|TE|Date|Content-Length|Transfer-Encoding|Keep-Alive|host|Authorization|upgrade|CONNECTION',
  '__proto__|constructor|7|07|X_A|Content-Disposition',
].flatMap((names) => names.split('|'));
const headerName = fc.oneof(
  { weight: 2, arbitrary: fc.stringMatching(/^[a-zA-Z0-9-]{1,6}$/) },
  {
    weight: 1,
    arbitrary: fc.constantFrom(...SPECIAL_NAMES),
  },
  { weight: 1, arbitrary: oddText },
);
const headerValue = fc.oneof({ weight: 4, arbitrary: fc.stringMatching(/^[ -~]{0,6}$/) }, oddText);
const headers = fc.dictionary(
  headerName,
  fc.oneof({ weight: 3, arbitrary: headerValue }, fc.array(headerValue, { maxLength: 3 })),
  { maxKeys: 4, noNullPrototype: false },
);
/** Generates a path and the parts of the headers of a request. */
export const plainRequest: fc.Arbitrary<[string, readonly RequestHeaders[]]> = fc.tuple(
  mostly(
    '/a?b=c',
    oddText.map((text) => `/${text}`),
  ),
  fc.tuple(headers, fc.constantFrom({}, { Host: 'a:1' }), fc.constant({ Connection: 'Upgrade' })),
);

/** Sends an answer to a dial and ends the connection. Returns all that its caller learns. */
async function outcomeOf(answer: string, pieces: readonly number[], given: RequestHeaders): Promise<object> {
  const sockets = new Set<Socket>();
  let accept = '';
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.setNoDelay(true);
    socket.on('error', () => {});
    socket.once('data', (request: Buffer) => {
      const key = /^sec-websocket-key: (.*)\r$/im.exec(request.toString('latin1'))?.[1] ?? '';
      accept = acceptValue(key);
      const bytes = Buffer.from(answer.replaceAll(ACCEPT, accept), 'latin1');
      void sendPieces(socket, cutStream(bytes, pieces));
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const target = parseWebSocketUrl(`ws://127.0.0.1:${port}/`);
  const options = {
    headers: given,
    offer: { protocols: ['a'], deflate: undefined },
    handshakeTimeoutMs: 10_000,
    tls: {},
  };
  const outcome = await new Promise<object>((resolve) => {
    void new Dial(target, options, {
      onConnected(socket, head, agreement) {
        const chunks = [head];
        socket.on('data', (chunk: Buffer) => chunks.push(chunk));
        socket.once('close', () => resolve({ agreement, behind: Buffer.concat(chunks).toString('latin1') }));
        socket.resume();
      },
      onConnectFailed({ code, message, cause, phase, side, httpStatus, httpHeaders, httpBody }) {
        const { code: causeCode, message: causeMessage } = (cause ?? {}) as NodeJS.ErrnoException;
        const body = httpBody && Buffer.from(httpBody).toString('latin1');
        resolve({ code, message, causeCode, causeMessage, phase, side, httpStatus, httpHeaders, body });
      },
    });
  });
  for (const socket of sockets) socket.destroy();
  server.close();
  await once(server, 'close');
  // Each dial has a key of its own, which answers may repeat anywhere.
  return JSON.parse(JSON.stringify(outcome).replaceAll(accept, ACCEPT)) as object;
}

async function sendPieces(socket: Socket, pieces: readonly Buffer[]): Promise<void> {
  for (const [i, piece] of pieces.entries()) {
    socket.write(piece);
    // The first pieces arrive one by one. To wait for each of a thousand would take long.
    if (i < 20 && pieces.length > 1) await turns(2);
  }
  socket.end();
}

export const clientUpgradeLaws: readonly Law[] = [
  defineLaw(
    'RFC 9112: a client reads a 101, and leaves the bytes behind it, as Node does',
    1500,
    fc.asyncProperty(upgradeAnswer, fc.constantFrom('', 'ab', '\r\n'), async (text, behind) => {
      const own = readFastUpgradeAnswer(text);
      if (own === undefined) return;
      const byNode = await parseByNode(Buffer.from(text + behind, 'latin1'));
      const { rawHeaders } = byNode!.response;
      const raw = Array.from({ length: rawHeaders.length / 2 }, (_, i) => [
        rawHeaders[2 * i]!.toLowerCase(),
        rawHeaders[2 * i + 1],
      ]);
      expect(Object.entries(own)).toEqual(raw);
      expect(byNode!.head.toString('latin1')).toBe(behind);
    }),
  ),
  defineLaw(
    'RFC 9112: a client writes a request as Node does, byte for byte',
    1500,
    fc.asyncProperty(plainRequest, async ([path, parts]) => {
      const own = writePlainRequest(path, parts);
      if (own === undefined) return;
      const all = Object.fromEntries(parts.flatMap((part) => Object.entries(part)));
      expect(own).toBe(await writeByNode(path, all as OutgoingHttpHeaders));
    }),
  ),
  defineLaw(
    'RFC 6455 4.1: whatever a server answers, a client makes the same of it with and without node:http',
    150,
    fc.asyncProperty(stream, cuts, async (answer, pieces) => {
      // node:http writes requests with an underscore in the name of a header.
      const [own, byNode] = await Promise.all([
        outcomeOf(answer, pieces, {}),
        outcomeOf(answer, pieces, { X_A: 'written by node:http' }),
      ]);
      expect(own).toEqual(byNode);
    }),
  ),
];
