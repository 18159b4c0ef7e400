import { once } from 'node:events';
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';
import type { ConformanceCase } from '../case.ts';
import { RunnerConnection } from './connection.ts';
import { MessageDeflate } from './deflate.ts';
import { answerOffer } from './extension.ts';
import { readHead } from './http-head.ts';
import { acceptOf } from './open-client.ts';

/** The server to which clients under test connect. */
export class RunnerServer {
  readonly url: string;
  readonly #tcp: Server;

  private constructor(tcp: Server) {
    this.#tcp = tcp;
    this.url = `ws://127.0.0.1:${(tcp.address() as AddressInfo).port}/`;
  }

  static async start(): Promise<RunnerServer> {
    const tcp = createServer({ noDelay: true });
    tcp.listen(0, '127.0.0.1');
    await once(tcp, 'listening');
    return new RunnerServer(tcp);
  }

  /** Waits for the next client and performs the opening handshake. */
  async accept({ deflate }: Pick<ConformanceCase, 'deflate'>): Promise<RunnerConnection> {
    const [socket] = (await once(this.#tcp, 'connection')) as [Socket];
    // Node emits 'close' after 'error', so the error needs no handling.
    socket.on('error', () => {});
    const { headers, rest } = await readHead(socket);
    const agreed = answerOffer(headers.get('sec-websocket-extensions') ?? '', deflate ?? []);
    const lines = [
      'HTTP/1.1 101 Switching Protocols',
      'Upgrade: websocket',
      'Connection: Upgrade',
      `Sec-WebSocket-Accept: ${acceptOf(headers.get('sec-websocket-key') ?? '')}`,
      ...(agreed === undefined ? [] : [`Sec-WebSocket-Extensions: ${agreed.answer}`]),
    ];
    socket.write(`${lines.join('\r\n')}\r\n\r\n`);
    return new RunnerConnection(socket, 'server', agreed && new MessageDeflate(agreed.agreement), rest);
  }

  async stop(): Promise<void> {
    this.#tcp.close();
    await once(this.#tcp, 'close');
  }
}
