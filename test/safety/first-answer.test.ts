import { describe, expect, test } from 'vitest';
import { WebSocket, type WebSocketOptions } from '../../src/index.ts';
import { recordingHandler } from '../../src/testing.ts';
import { startAnsweringServer, switchingProtocols } from '../helpers/answering-server.ts';
import { makeCertificate } from '../helpers/certificate.ts';
import { startHttpProxy } from '../helpers/proxies.ts';
import { turns } from '../helpers/turns.ts';

const REFUSED = 'HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\n\r\n';
const EARLY_HINTS = 'HTTP/1.1 103 Early Hints\r\nLink: </a.css>\r\n\r\n';

/** Answers of a server to one request. `101` stands for a valid 101 answer. */
const REFUSALS: readonly (readonly [name: string, answers: readonly string[], status: number, body: string])[] = [
  ['without a body', [REFUSED, '101'], 401, ''],
  ['with a body', ['HTTP/1.1 403 No\r\nContent-Length: 5\r\n\r\nhello', '101'], 403, 'hello'],
  [
    'with a chunked body',
    ['HTTP/1.1 403 No\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n', '101'],
    403,
    'hello',
  ],
  ['that has no body by its status', ['HTTP/1.1 204 No Content\r\n\r\n', '101'], 204, ''],
  ['with status 200', ['HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi', '101'], 200, 'hi'],
  ['behind a 1xx answer', [EARLY_HINTS, REFUSED, '101'], 401, ''],
  ['in front of a 1xx answer', [REFUSED, EARLY_HINTS, '101'], 401, ''],
  ['in front of another refusal', [REFUSED, 'HTTP/1.1 403 No\r\nContent-Length: 0\r\n\r\n', '101'], 401, ''],
  ['in front of garbage', ['HTTP/1.1 403 No\r\nContent-Length: 5\r\n\r\nhello', '\0\0\0\r\n\r\n'], 403, 'hello'],
];

const TLS = makeCertificate();
const WAYS = ['in one packet', 'in packets of their own', 'over TLS', 'through a proxy'] as const;

async function connectTo(
  answers: readonly string[],
  way: (typeof WAYS)[number],
  options: WebSocketOptions = {},
): Promise<unknown> {
  const isSecure = way === 'over TLS';
  const port = await startAnsweringServer(
    (socket, { accept }) => {
      const texts = answers.map((answer) => (answer === '101' ? switchingProtocols(accept) : answer));
      if (way !== 'in packets of their own') socket.write(texts.join(''));
      else for (const text of texts) socket.write(text);
    },
    isSecure ? { tls: TLS } : {},
  );
  const proxy = way === 'through a proxy' ? `http://127.0.0.1:${(await startHttpProxy()).port}` : undefined;
  const url = `${isSecure ? 'wss://localhost' : 'ws://127.0.0.1'}:${port}`;
  return WebSocket.new(url, {}, { proxy, ...(isSecure && { tls: { ca: TLS.cert } }), ...options }).catch(
    (error: unknown) => error,
  );
}

describe.each(WAYS)('a 101 behind a final answer does not open the client (%s)', (way) => {
  test.each(REFUSALS)('an answer %s', async (_name, answers, httpStatus, body) => {
    const error = await connectTo(answers, way);
    expect(error).toMatchObject({ code: 'ERR_HANDSHAKE_REFUSED', httpStatus });
    expect(Buffer.from((error as { httpBody: Uint8Array }).httpBody).toString()).toBe(body);
  });
});

test('a 101 behind a redirect does not open the client, which follows the redirect', async () => {
  let requests = 0;
  const port = await startAnsweringServer((socket, { accept }) => {
    requests++;
    const redirect = `HTTP/1.1 302 Found\r\nLocation: /other\r\nContent-Length: 0\r\n\r\n${switchingProtocols(accept)}`;
    socket.write(requests === 1 ? redirect : REFUSED);
  });
  const options = { followRedirects: 1 };
  const error: unknown = await WebSocket.new(`ws://127.0.0.1:${port}`, {}, options).catch((thrown: unknown) => thrown);
  expect(error).toMatchObject({ code: 'ERR_HANDSHAKE_REFUSED', httpStatus: 401 });
  expect(requests).toBe(2);
});

test('an answer behind the 101 is an invalid frame, not another answer', async () => {
  const handler = recordingHandler();
  const port = await startAnsweringServer((socket, { accept }) => socket.write(switchingProtocols(accept) + REFUSED));
  await WebSocket.new(`ws://127.0.0.1:${port}`, handler);
  expect((await handler.ended()).code).toBe(1002);
});

test.each(WAYS)('a 101 behind 1xx answers opens the client (%s)', async (way) => {
  const interim = ['HTTP/1.1 100 Continue\r\n\r\n', EARLY_HINTS, 'HTTP/1.1 102 Processing\r\n\r\n', EARLY_HINTS];
  const ws = await connectTo([...interim, '101'], way);
  expect(ws).toMatchObject({ status: 'Connected' });
  (ws as WebSocket).terminate();
  await turns();
});

test('a 1xx answer with the headers of an upgrade does not open the client', async () => {
  const hints = 'HTTP/1.1 103 Early Hints\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n';
  expect(await connectTo([hints, REFUSED], 'in one packet')).toMatchObject({ httpStatus: 401 });
});
