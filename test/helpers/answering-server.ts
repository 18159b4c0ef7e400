import { createHash } from 'node:crypto';
import { createServer, type Server, type Socket } from 'node:net';
import { createServer as createTlsServer, type TlsOptions } from 'node:tls';
import { listen } from './transport-pairs.ts';

/** The head of a request, as it arrived. */
export interface SeenRequest {
  readonly line: string;
  /** Header names as the client wrote them. */
  readonly headers: readonly (readonly [name: string, value: string])[];
  /** The Sec-WebSocket-Accept that RFC 6455 section 4.2.2 demands for the key of the request. */
  readonly accept: string;
  /** Bytes that arrived behind the head. */
  readonly rest: Buffer;
}

/** Writes the answer to a request to its socket. */
export type Answer = (socket: Socket, request: SeenRequest) => void;

/** Starts a TCP server for which the test writes each HTTP answer. Returns the port. */
export function startAnsweringServer(
  answer: Answer,
  options: { tls?: TlsOptions; path?: string; host?: string } = {},
): Promise<number> {
  const onConnection = (socket: Socket): void => {
    socket.on('error', () => {});
    let received = Buffer.alloc(0);
    const onData = (chunk: Buffer): void => {
      received = Buffer.concat([received, chunk]);
      const end = received.indexOf('\r\n\r\n');
      if (end < 0) return;
      socket.off('data', onData);
      answer(socket, parseRequest(received, end));
    };
    socket.on('data', onData);
  };
  const server: Server =
    options.tls === undefined ? createServer(onConnection) : createTlsServer(options.tls, onConnection);
  server.on('tlsClientError', () => {});
  const { path, host = '127.0.0.1' } = options;
  return listen(server, path === undefined ? { host } : { path });
}

/** Builds a 101 answer. `changes` replaces headers; undefined leaves a header out. */
export function switchingProtocols(accept: string, changes: Readonly<Record<string, string | undefined>> = {}): string {
  const headers = { Upgrade: 'websocket', Connection: 'Upgrade', 'Sec-WebSocket-Accept': accept, ...changes };
  const lines = Object.entries(headers).flatMap(([name, value]) => (value === undefined ? [] : [`${name}: ${value}`]));
  return `${['HTTP/1.1 101 Switching Protocols', ...lines].join('\r\n')}\r\n\r\n`;
}

function parseRequest(received: Buffer, end: number): SeenRequest {
  const [line, ...lines] = received.toString('latin1', 0, end).split('\r\n');
  const headers = lines.map((text) => {
    const colon = text.indexOf(':');
    return [text.slice(0, colon), text.slice(colon + 1).trim()] as const;
  });
  const key = headers.find(([name]) => name.toLowerCase() === 'sec-websocket-key')?.[1] ?? '';
  const accept = createHash('sha1').update(`${key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`).digest('base64');
  return { line: line!, headers, accept, rest: received.subarray(end + 4) };
}
