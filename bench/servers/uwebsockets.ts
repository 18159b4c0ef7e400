import { loadPackage, versionOf } from '../packages.ts';
import type { ServerWorkload } from '../processes/calls.ts';
import { MAX_BUFFERED_BYTES, MAX_MESSAGE_BYTES, type ServerPeer } from './server-peer.ts';

// These types declare only the used part of the package, which need not be installed.
interface UwsSocket {
  send(message: ArrayBuffer | string, isBinary: boolean): number;
  subscribe(topic: string): boolean;
}

interface UwsApp {
  ws(pattern: string, behavior: object): UwsApp;
  publish(topic: string, message: ArrayBuffer, isBinary: boolean): boolean;
  listen(host: string, port: number, callback: (token: unknown) => void): UwsApp;
}

interface Uws {
  App(): UwsApp;
  DISABLED: number;
  us_socket_local_port(token: unknown): number;
}

const TOPIC = 'all';

/** uWebSockets.js without compression, idle timer and pings. */
export function createPeer(): ServerPeer {
  const uws = loadPackage('uwebsockets') as Uws;
  return { version: versionOf('uwebsockets'), notes: 'npm uwebsockets', serve: (workload) => serve(uws, workload) };
}

function serve(uws: Uws, { behaviour, shape }: ServerWorkload): Promise<number> {
  const app = uws.App();
  const onMessage =
    behaviour !== 'echo'
      ? (_socket: UwsSocket, message: ArrayBuffer, isBinary: boolean) => app.publish(TOPIC, message, isBinary)
      : ECHOES[shape.kind];
  app.ws('/*', {
    compression: uws.DISABLED,
    idleTimeout: 0,
    sendPingsAutomatically: false,
    maxPayloadLength: MAX_MESSAGE_BYTES,
    maxBackpressure: MAX_BUFFERED_BYTES,
    ...(behaviour !== 'echo' && { open: (socket: UwsSocket) => socket.subscribe(TOPIC) }),
    message: onMessage,
  });
  return new Promise((resolve, reject) => {
    app.listen('127.0.0.1', 0, (token) => {
      if (token) resolve(uws.us_socket_local_port(token));
      else reject(new Error('uWebSockets.js cannot listen'));
    });
  });
}

const ECHOES = { text: echoText, binary: echoBinary, object: echoObject };

/** Echoes a text as a string, as this library gives it to its user. */
function echoText(socket: UwsSocket, message: ArrayBuffer): void {
  socket.send(Buffer.from(message).toString(), false);
}

function echoBinary(socket: UwsSocket, message: ArrayBuffer): void {
  socket.send(message, true);
}

function echoObject(socket: UwsSocket, message: ArrayBuffer): void {
  socket.send(JSON.stringify(JSON.parse(Buffer.from(message).toString())), false);
}
