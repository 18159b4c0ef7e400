import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import type { ConformanceCase } from '../case.ts';
import { RunnerConnection } from './connection.ts';
import { MessageDeflate } from './deflate.ts';
import { buildOffers, checkAnswer } from './extension.ts';
import { readHead } from './http-head.ts';

/** Connects to a server and performs the opening handshake. */
export async function openToServer(url: URL, { deflate }: Pick<ConformanceCase, 'deflate'>): Promise<RunnerConnection> {
  const socket = await dial(url);
  const key = randomBytes(16).toString('base64');
  const lines = [
    `GET ${url.pathname}${url.search} HTTP/1.1`,
    `Host: ${url.host}`,
    'Upgrade: websocket',
    'Connection: Upgrade',
    'Sec-WebSocket-Version: 13',
    `Sec-WebSocket-Key: ${key}`,
    ...(deflate === undefined ? [] : [`Sec-WebSocket-Extensions: ${buildOffers(deflate)}`]),
  ];
  socket.write(`${lines.join('\r\n')}\r\n\r\n`);
  const { startLine, headers, rest } = await readHead(socket);
  if (!startLine.startsWith('HTTP/1.1 101')) throw new Error(`the server answered: ${startLine}`);
  if (headers.get('sec-websocket-accept') !== acceptOf(key)) throw new Error('Sec-WebSocket-Accept is wrong');
  const agreement = checkAnswer(headers.get('sec-websocket-extensions') ?? '', deflate ?? []);
  return new RunnerConnection(socket, 'client', agreement && new MessageDeflate(agreement), rest);
}

/** Computes Sec-WebSocket-Accept (RFC 6455 section 4.2.2). */
export function acceptOf(key: string): string {
  return createHash('sha1').update(`${key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`).digest('base64');
}

async function dial(url: URL): Promise<Socket> {
  const isSecure = url.protocol === 'wss:';
  const host = url.hostname.replace(/^\[|\]$/g, '');
  const port = Number(url.port) || (isSecure ? 443 : 80);
  // The cases test frames, and a server under test may have a self-signed certificate.
  const socket = isSecure
    ? connectTls({ host, port, servername: host, rejectUnauthorized: false })
    : connect({ host, port });
  socket.setNoDelay(true);
  await once(socket, isSecure ? 'secureConnect' : 'connect');
  // Node emits 'close' after 'error', so the error needs no handling.
  socket.on('error', () => {});
  return socket;
}
