import type { IncomingMessage, OutgoingHttpHeaders, Server as HttpServer } from 'node:http';
import type { Server as HttpsServer } from 'node:https';
import { invalidOption } from '../session/option-checks.ts';
import type { SharedOptions } from './options.ts';
import type { WebSocket } from './web-socket.ts';

/** What `verifyClient` gets. */
export interface ClientInfo<Request extends IncomingMessage = IncomingMessage> {
  readonly origin: string;
  readonly secure: boolean;
  readonly req: Request;
}

/** Lets a client in with true. */
export type VerifyClientCallbackSync<Request extends IncomingMessage = IncomingMessage> = (
  info: ClientInfo<Request>,
) => boolean;

/** Lets a client in by calling back with true. */
export type VerifyClientCallbackAsync<Request extends IncomingMessage = IncomingMessage> = (
  info: ClientInfo<Request>,
  callback: (result: boolean, code?: number, message?: string, headers?: OutgoingHttpHeaders) => void,
) => void;

/** Options of a server: those of ws, and limits of this library. */
export interface ServerOptions extends SharedOptions {
  readonly port?: number | undefined;
  readonly host?: string | undefined;
  readonly backlog?: number | undefined;
  readonly server?: HttpServer | HttpsServer | undefined;
  /** Whether the program calls `handleUpgrade` itself. Default false. */
  readonly noServer?: boolean | undefined;
  /** The path of the URLs that are served. Default all. */
  readonly path?: string | undefined;
  /** Whether `clients` holds the open WebSockets. Default true. */
  readonly clientTracking?: boolean | undefined;
  readonly verifyClient?: VerifyClientCallbackSync | VerifyClientCallbackAsync | undefined;
  /** Chooses the subprotocol; false for none. By default the first that the client offers. */
  readonly handleProtocols?: (protocols: Set<string>, request: IncomingMessage) => string | false;
  /** The class of the WebSockets: `WebSocket`, or one that extends it. */
  readonly WebSocket?: typeof WebSocket | undefined;
  /**
   * Which pages may connect: origins such as `https://example.com`, or `'*'` for all, as in ws. By default pages of the
   * same host, and on this machine those of this machine; all with `verifyClient`, which decides then, and with
   * `noServer`, where the program does.
   */
  readonly origins?: '*' | readonly string[] | undefined;
}

/** @throws TypeError when it is not clear what the server listens on; FourDError `ERR_INVALID_OPTION` */
export function checkServerOptions(options: ServerOptions): void {
  const places = [
    options.port !== undefined && options.port !== null,
    Boolean(options.server),
    options.noServer === true,
  ];
  if (places.filter(Boolean).length !== 1) {
    throw new TypeError('One and only one of the "port", "server", or "noServer" options must be specified');
  }
  for (const name of ['verifyClient', 'handleProtocols'] as const) {
    const value = options[name];
    if (value !== undefined && value !== null && typeof value !== 'function') {
      throw invalidOption(`${name} must be a function`, 'HTTP');
    }
  }
  if (typeof options.origins === 'function') {
    throw invalidOption('origins must be "*" or an array of origins: a function is called verifyClient here', 'HTTP');
  }
}
