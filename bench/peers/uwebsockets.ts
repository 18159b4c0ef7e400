import { loadPackage, versionOf } from '../packages.ts';
import { MAX_BUFFERED_BYTES, MAX_MESSAGE_BYTES, type RunningPeer } from './peer.ts';

interface Uws {
  App(): App;
  DISABLED: number;
  us_socket_local_port(token: unknown): number;
}

interface App {
  ws(pattern: string, behavior: object): App;
  publish(topic: string, message: ArrayBuffer, isBinary: boolean): boolean;
  listen(host: string, port: number, callback: (token: unknown) => void): App;
}

interface Socket {
  send(message: ArrayBuffer | string, isBinary: boolean): number;
  subscribe(topic: string): boolean;
}

/** In a text its user gets a string, as this library's user does. */
const ECHOES = {
  text: (socket: Socket, message: ArrayBuffer) => socket.send(Buffer.from(message).toString(), false),
  binary: (socket: Socket, message: ArrayBuffer) => socket.send(message, true),
  object: (socket: Socket, message: ArrayBuffer) =>
    socket.send(JSON.stringify(JSON.parse(Buffer.from(message).toString())), false),
};

/** uWebSockets.js without compression, idle timer and pings. */
export function createPeer(): RunningPeer {
  const uws = loadPackage('uwebsockets') as Uws;
  const serve: RunningPeer['serve'] = ({ behaviour, shape }) => {
    const app = uws.App();
    const publish = (_: Socket, message: ArrayBuffer, isBinary: boolean) => app.publish('all', message, isBinary);
    app.ws('/*', {
      compression: uws.DISABLED,
      idleTimeout: 0,
      sendPingsAutomatically: false,
      maxPayloadLength: MAX_MESSAGE_BYTES,
      maxBackpressure: MAX_BUFFERED_BYTES,
      ...(behaviour !== 'echo' && { open: (socket: Socket) => socket.subscribe('all') }),
      message: behaviour === 'echo' ? ECHOES[shape.kind] : publish,
    });
    return new Promise((resolve) => {
      app.listen('127.0.0.1', 0, (token) => resolve(uws.us_socket_local_port(token)));
    });
  };
  return { version: versionOf('uwebsockets'), notes: 'npm uwebsockets', serve };
}
