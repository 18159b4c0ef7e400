import { Duplex, type DuplexOptions } from 'node:stream';
import { CLOSED, CONNECTING } from './web-socket-core.ts';
import type { WebSocket } from './web-socket.ts';

/**
 * Makes a stream of a WebSocket: each message is a chunk, each chunk a message, and both sides wait for a slow reader.
 *
 * @param options - as for a Duplex of Node. With `readableObjectMode` texts are strings
 */
export function createWebSocketStream(webSocket: WebSocket, options: DuplexOptions = {}): Duplex {
  /** Calls back when the WebSocket is open, or will never be. */
  function whenOpen(act: () => void): void {
    if (webSocket.readyState === CONNECTING) webSocket.once('open', act);
    else act();
  }
  let hasFailed = false;
  const stream = new Duplex({
    ...options,
    objectMode: false,
    writableObjectMode: false,
    read() {
      if (webSocket.isPaused) webSocket.resume();
    },
    write(chunk: Buffer, _encoding, callback) {
      whenOpen(() => webSocket.send(chunk, callback));
    },
    final(callback) {
      whenOpen(() => {
        if (webSocket.readyState === CLOSED) callback();
        else {
          webSocket.once('close', () => callback());
          webSocket.close();
        }
      });
    },
    destroy(error, callback) {
      if (webSocket.readyState === CLOSED) callback(error);
      else {
        webSocket.once('close', () => callback(error));
        // A connection that has failed still sends its close frame.
        if (!hasFailed) webSocket.terminate();
      }
    },
  });
  webSocket.on('message', (data, isBinary) => {
    const chunk = !isBinary && stream.readableObjectMode ? (data as Buffer).toString() : data;
    if (!stream.push(chunk)) webSocket.pause();
  });
  webSocket.on('error', (error) => {
    hasFailed = true;
    stream.destroy(error);
  });
  webSocket.once('close', () => {
    if (!stream.destroyed) stream.push(null);
  });
  return stream;
}
