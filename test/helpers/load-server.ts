import { type AddressInfo, createServer, type Socket } from 'node:net';
import { onTestFinished } from 'vitest';
import { answerUpgrade, buildFrames, firstVariantOf } from '../../bench/load/frames.ts';
import type { MessageShape } from '../../bench/messages.ts';

/** A message that the server received, and how to answer it. */
export interface Received {
  /** Number of the message on its connection, from 1. */
  readonly n: number;
  /** Number of the connection, from 0. */
  readonly connection: number;
  /** Which of the different messages of the load it is. */
  readonly variant: number;
  /** The right answer, as the load would compress it. */
  readonly answer: Buffer;
  readonly socket: Socket;
  /** The sockets of all connections. */
  readonly sockets: ReadonlySet<Socket>;
}

/**
 * Starts a server for the load of the benchmarks, for which the test decides each answer. The server ends with the
 * test. A message that is out of order gets no answer, and neither do later messages.
 *
 * @param answerTo - returns the answer to a message; undefined when the message is to be lost
 * @returns the port
 */
export async function startLoadServer(
  answerTo: (received: Received) => Buffer | void,
  shape: MessageShape,
): Promise<number> {
  const messages = buildFrames(shape, true);
  const answers = buildFrames(shape, false);
  const sockets = new Set<Socket>();
  let connections = 0;
  const server = createServer((socket) => {
    const connection = connections++;
    let isOpen = false;
    let variant = 0;
    let received = Buffer.alloc(0);
    let n = 0;
    sockets.add(socket);
    socket.on('error', () => {});
    socket.on('close', () => sockets.delete(socket));
    socket.on('data', (bytes) => {
      if (!isOpen) {
        isOpen = true;
        const request = bytes.toString('latin1');
        variant = firstVariantOf(request);
        socket.write(answerUpgrade(request, shape.isCompressed === true));
        return;
      }
      received = Buffer.concat([received, bytes]);
      for (let due = messages[variant]!; received.subarray(0, due.length).equals(due); due = messages[variant]!) {
        received = received.subarray(due.length);
        const answer = answerTo({ n: ++n, connection, variant, answer: answers[variant]!, socket, sockets });
        variant = (variant + 1) % messages.length;
        if (answer) socket.write(answer);
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
