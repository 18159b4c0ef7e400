import { type AddressInfo, createServer, type Socket } from 'node:net';
import { onTestFinished } from 'vitest';
import { buildFrame } from '../../bench/load/frames.ts';
import { answerUpgrade } from '../../bench/load/handshake.ts';
import type { MessageShape } from '../../bench/messages.ts';

/** What a server does with a message. */
export interface Received {
  /** Its number on its connection, from 1. */
  readonly n: number;
  /** The number of its connection, from 0. */
  readonly connection: number;
  readonly socket: Socket;
}

/**
 * Starts a server for the load of the benchmarks, whose every answer is up to the test. It ends with the test.
 *
 * @param answerTo - gives what is sent for a message: nothing when it is lost
 * @returns its port
 */
export async function startLoadServer(
  answerTo: (received: Received) => Buffer | undefined,
  shape: MessageShape,
): Promise<number> {
  const messageBytes = buildFrame(shape, true).length;
  const extensions = shape.isCompressed === true ? 'Sec-WebSocket-Extensions: permessage-deflate\r\n' : '';
  const sockets = new Set<Socket>();
  let connections = 0;
  const server = createServer((socket) => {
    const connection = connections++;
    let isOpen = false;
    let received = 0;
    let answered = 0;
    sockets.add(socket);
    socket.on('error', () => {});
    socket.on('close', () => sockets.delete(socket));
    socket.on('data', (bytes) => {
      if (!isOpen) {
        isOpen = true;
        socket.write(answerUpgrade(bytes.toString('latin1')).replace(/\r\n$/, `${extensions}\r\n`));
        return;
      }
      received += bytes.length;
      while (answered < Math.floor(received / messageBytes)) {
        const answer = answerTo({ n: ++answered, connection, socket });
        if (answer !== undefined) socket.write(answer);
      }
    });
  });
  onTestFinished(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  return (server.address() as AddressInfo).port;
}
