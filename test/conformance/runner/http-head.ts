import type { Socket } from 'node:net';

/** The head of an HTTP request or response. */
export interface HttpHead {
  readonly startLine: string;
  /** The header values, by name in lower case. */
  readonly headers: ReadonlyMap<string, string>;
  /** The bytes that arrived after the head. */
  readonly rest: Buffer;
}

/** Reads up to the empty line. The next listener gets all bytes that follow. */
export function readHead(socket: Socket): Promise<HttpHead> {
  return new Promise((resolve, reject) => {
    let received = Buffer.alloc(0);
    const onClose = (): void => reject(new Error('the peer ended the connection within the opening handshake'));
    const onData = (chunk: Buffer): void => {
      received = Buffer.concat([received, chunk]);
      const end = received.indexOf('\r\n\r\n');
      if (end < 0) return;
      socket.off('data', onData);
      socket.off('close', onClose);
      socket.pause();
      const [startLine = '', ...lines] = received.toString('latin1', 0, end).split('\r\n');
      const headers = new Map(
        lines.map((line) => {
          const colon = line.indexOf(':');
          return [line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim()];
        }),
      );
      resolve({ startLine, headers, rest: received.subarray(end + 4) });
    };
    socket.on('data', onData);
    socket.once('close', onClose);
  });
}
