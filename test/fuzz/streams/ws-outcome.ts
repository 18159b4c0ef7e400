import type { Socket } from 'node:net';
import type { Writable } from 'node:stream';
import { setImmediate } from 'node:timers/promises';
import { WebSocket, WebSocketServer } from 'ws';
import { acceptValue } from '../../../src/handshake/server-handshake.ts';
import { MemorySocket } from '../memory-socket.ts';
import { upgradeRequest } from '../upgrade-request.ts';
import { describeMessage, type Outcome } from './outcome.ts';
import { readSentFrames } from './sent-frames.ts';
import { STREAM_LIMITS, type StreamCase } from './stream-case.ts';

const EXTENSION = 'permessage-deflate; server_no_context_takeover; client_no_context_takeover';
const END_OF_HEAD = '\r\n\r\n';

const limits = { maxPayload: STREAM_LIMITS.maxMessageBytes, maxFragments: STREAM_LIMITS.maxFragments };
const deflate = { serverNoContextTakeover: true, clientNoContextTakeover: true };

const servers = {
  plain: new WebSocketServer({ noServer: true, ...limits, perMessageDeflate: false }),
  deflating: new WebSocketServer({ noServer: true, ...limits, perMessageDeflate: deflate }),
};

/** Returns the outcome of a stream in the package `ws`. TCP ends behind the stream. */
export async function wsOutcome({ role, deflates, bytes }: StreamCase): Promise<Outcome> {
  const [peer, socket] = MemorySocket.pair([1_000_000]);
  const received: Buffer[] = [];
  peer.on('data', (chunk: Buffer) => received.push(chunk));
  peer.on('error', () => {});
  const ws = role === 'server' ? accept(socket, deflates) : await connect(peer, socket, received, deflates);
  const messages: string[] = [];
  let closeReceived: number | undefined;
  let error: string | undefined;
  ws.on('message', (data: Buffer, isBinary) => messages.push(describeMessage(isBinary ? data : data.toString('utf8'))));
  ws.on('error', (each: NodeJS.ErrnoException) => {
    error = each.code ?? each.message;
  });
  ws.on('close', (code) => {
    closeReceived = code === 1006 ? undefined : code;
  });
  peer.write(bytes);
  // Only the receiver of ws, which buffers unread bytes, shows whether ws is still inflating.
  const receiver = Reflect.get(ws, '_receiver') as Writable;
  for (let quiet = 0; quiet < 3 && ws.readyState !== ws.CLOSED; quiet++) {
    await setImmediate();
    const isReading = error === undefined && receiver.writableLength > 0 && !receiver.destroyed;
    if (isReading || peer.writableLength > 0 || (socket.readableLength > 0 && !socket.destroyed)) quiet = 0;
  }
  peer.end();
  while (ws.readyState !== ws.CLOSED || !peer.closed) await setImmediate();
  const sent = Buffer.concat(received);
  const frames = sent.subarray(sent.indexOf(END_OF_HEAD) + END_OF_HEAD.length);
  return { messages, ...readSentFrames(frames, role), closeReceived, error };
}

function accept(socket: MemorySocket, deflates: boolean): WebSocket {
  const request = upgradeRequest(socket, deflates ? EXTENSION : undefined);
  let accepted: WebSocket | undefined;
  const server = deflates ? servers.deflating : servers.plain;
  server.handleUpgrade(request, socket, Buffer.alloc(0), (ws) => {
    accepted = ws;
  });
  if (accepted === undefined) throw new Error('ws refused its own handshake');
  return accepted;
}

async function connect(
  peer: MemorySocket,
  socket: MemorySocket,
  received: Buffer[],
  deflates: boolean,
): Promise<WebSocket> {
  const ws = new WebSocket('ws://localhost/', {
    createConnection: () => socket as unknown as Socket,
    ...limits,
    perMessageDeflate: deflates && deflate,
  });
  while (!Buffer.concat(received).includes(END_OF_HEAD)) await setImmediate();
  const key = /^sec-websocket-key: (.*)\r$/im.exec(Buffer.concat(received).toString('latin1'))?.[1] as string;
  const extension = deflates ? `Sec-WebSocket-Extensions: ${EXTENSION}\r\n` : '';
  peer.write(
    'HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n' +
      `Sec-WebSocket-Accept: ${acceptValue(key)}\r\n${extension}\r\n`,
  );
  while (ws.readyState === ws.CONNECTING) await setImmediate();
  return ws;
}
