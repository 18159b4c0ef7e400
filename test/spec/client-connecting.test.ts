import { createServer, type Socket } from 'node:net';
import { describe, expect, test } from 'vitest';
import { WebSocket } from '../../src/index.ts';
import { startPeerServer } from '../helpers/peer.ts';
import { listen } from '../helpers/transport-pairs.ts';
import { turns } from '../helpers/turns.ts';

const OK = 'HTTP/1.1 200 Connection established\r\n\r\n';
const CONTINUE = 'HTTP/1.1 100 Continue\r\n\r\n';
const EARLY_HINTS = 'HTTP/1.1 103 Early Hints\r\nLink: </a.css>\r\n\r\n';
const LOG_IN = 'HTTP/1.1 407 Log in\r\nProxy-Authenticate: Basic\r\n\r\n';

/** Starts a proxy that answers CONNECT with these packets, and counts the bytes that come before the tunnel is used. */
async function startAnsweringProxy(packets: readonly string[]): Promise<{ url: string; requests: string[] }> {
  const requests: string[] = [];
  const answer = async (socket: Socket): Promise<void> => {
    for (const packet of packets) {
      socket.write(packet);
      await turns();
    }
  };
  const port = await listen(
    createServer((socket) => {
      socket.on('error', () => {});
      socket.on('data', (chunk) => {
        requests.push(chunk.toString('latin1'));
        if (requests.length === 1) void answer(socket);
      });
    }),
  );
  return { url: `http://127.0.0.1:${port}`, requests };
}

describe('1xx answers of a proxy', () => {
  test.each([
    ['in one packet', [CONTINUE + EARLY_HINTS + OK]],
    ['in packets of their own', [CONTINUE, EARLY_HINTS, OK]],
    ['byte by byte', Array.from(EARLY_HINTS + CONTINUE + OK)],
    ['many', [EARLY_HINTS.repeat(300) + OK]],
  ])('4D-205 1xx answers before the 200 of CONNECT are skipped (%s)', async (_name, packets) => {
    const proxy = await startAnsweringProxy(packets);
    const ws = new WebSocket('ws://127.0.0.1:9/', {}, { proxy: proxy.url });
    // The client sends its request into the tunnel, and CONNECT only once.
    while (proxy.requests.length < 2) await turns(1);
    expect(proxy.requests.map((text) => text.split('\r\n')[0])).toEqual([
      'CONNECT 127.0.0.1:9 HTTP/1.1',
      'GET / HTTP/1.1',
    ]);
    ws.terminate();
  });

  test.each([
    ['a refusal', [EARLY_HINTS + LOG_IN], { code: 'ERR_PROXY_REFUSED', httpStatus: 407 }],
    ['a refusal in a packet of its own', [EARLY_HINTS, LOG_IN], { code: 'ERR_PROXY_REFUSED', httpStatus: 407 }],
    [
      '101, which is a final answer',
      [`${EARLY_HINTS}HTTP/1.1 101 Switching Protocols\r\n\r\n`],
      { code: 'ERR_PROXY_REFUSED', httpStatus: 101 },
    ],
    ['garbage', [`${EARLY_HINTS}nonsense\r\n\r\n`], { code: 'ERR_PROXY_FAILED' }],
    ['bytes before the client has sent any', [`${EARLY_HINTS}${OK}x`], { code: 'ERR_PROXY_FAILED' }],
  ])('4D-205 what follows the 1xx answers of a proxy decides: %s', async (_name, packets, expected) => {
    const proxy = await startAnsweringProxy(packets);
    await expect(WebSocket.new('ws://127.0.0.1:9/', {}, { proxy: proxy.url })).rejects.toMatchObject(expected);
  });
});

describe('an AbortSignal for many clients', () => {
  test('4D-205 a hundred clients on one AbortSignal raise no warning, and all end when it is aborted', async () => {
    const warnings: string[] = [];
    const onWarning = (warning: Error): void => void warnings.push(warning.message);
    process.on('warning', onWarning);
    const server = await startPeerServer();
    const controller = new AbortController();
    const { signal } = controller;
    const clients = await Promise.all(
      Array.from({ length: 100 }, () => WebSocket.new(server.url, {}, { signal, handshakeTimeoutMs: Infinity })),
    );
    // Warnings are emitted in a later turn.
    await turns();
    process.off('warning', onWarning);
    expect(warnings).toEqual([]);
    controller.abort();
    while (!clients.every((ws) => ws!.status === 'Closed')) await turns(1);
  });
});
