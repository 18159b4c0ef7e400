import { promises as fileSystem } from 'node:fs';
import { type FourDError, textOfThrown } from '../errors.ts';
import { FOREIGN_OPTIONS } from '../session/foreign-names.ts';
import { checkNumber, invalidOption, readOptions } from '../session/option-checks.ts';
import type { Certificate } from '../web-server/http-servers.ts';
import type { OwnHttpSettings } from '../web-server/own-http-server.ts';
import { SERVER_KEYS, type WebSocketServerOptions } from './server-options.ts';

/** Options of {@link WebSocketServer.serve}: those of a server, and where it listens. */
export interface ServeOptions extends Omit<WebSocketServerOptions, 'webServer'> {
  /** Port to listen on, 0 to 65535. Default 0: any free one, which `url` of the server tells. */
  readonly port?: number | undefined;
  /** Address or name to listen on, for example `127.0.0.1`. Default: all addresses, so other machines can connect too. */
  readonly host?: string | undefined;
  /** Private key and certificate in PEM. With them the server speaks TLS (`wss:`) and nothing else. Default: no TLS. */
  readonly tls?: Certificate | undefined;
  /**
   * Folder of files to serve over HTTP on the same port. Default none. All files in it are public, except names that
   * begin with a dot. `hosts` holds for them too, unless there are `trustedProxies`.
   */
  readonly rootFolder?: string | undefined;
}

/** The options of a server that listens by itself, in two parts. */
export interface CheckedServe {
  readonly http: OwnHttpSettings;
  /** What is left for the server itself. Not checked yet. */
  readonly server: WebSocketServerOptions;
}

const HTTP_KEYS = ['port', 'host', 'tls', 'rootFolder'] as const satisfies readonly (keyof ServeOptions)[];
export const SERVE_KEYS: ReadonlySet<string> = new Set([...SERVER_KEYS, ...HTTP_KEYS]);
const TLS_KEYS: ReadonlySet<string> = new Set<keyof Certificate>(['key', 'cert']);

const PORT_RANGE = { min: 0, max: 65_535 } as const;

/**
 * Reads the options of {@link WebSocketServer.serve} once, and checks those that say where to listen.
 *
 * @throws FourDError `ERR_INVALID_OPTION`
 */
export function readServeOptions(given: ServeOptions): CheckedServe {
  const options: ServeOptions & WebSocketServerOptions = readOptions(given, SERVE_KEYS, 'HTTP', {
    foreign: FOREIGN_OPTIONS.server,
  });
  const { port = 0, host = '', tls, rootFolder, ...server } = options;
  if (server.webServer !== undefined) {
    const advice = 'serve() makes an HTTP server of its own, pass yours to WebSocketServer.new()';
    throw invalidOption(`webServer cannot be given: ${advice}`, 'HTTP');
  }
  if (typeof host !== 'string') throw invalidOption('host must be a string', 'HTTP');
  const http = {
    port: checkNumber('port', port, PORT_RANGE, 'HTTP'),
    host,
    certificate: tls === undefined ? undefined : checkTls(tls),
    rootFolder: checkRootFolder(rootFolder),
    // Only a proxy knows which host its client has asked for.
    hosts: server.trustedProxies === undefined ? server.hosts : undefined,
  };
  return { http, server };
}

/**
 * Checks that there is a folder to serve.
 *
 * @throws FourDError (as a rejection) `ERR_INVALID_OPTION`
 */
export async function findRootFolder({ rootFolder }: OwnHttpSettings): Promise<void> {
  if (rootFolder === undefined) return;
  let isFolder: boolean;
  try {
    isFolder = (await fileSystem.stat(rootFolder)).isDirectory();
  } catch (cause) {
    throw unusableFolder(textOfThrown(cause), cause);
  }
  if (!isFolder) throw unusableFolder(`${rootFolder} is no folder`);
}

function checkRootFolder(rootFolder: unknown): string | undefined {
  if (rootFolder === undefined || (typeof rootFolder === 'string' && rootFolder !== '')) return rootFolder;
  throw invalidOption('rootFolder must be a string that is not empty', 'HTTP');
}

function unusableFolder(problem: string, cause?: unknown): FourDError {
  return invalidOption(`rootFolder cannot be served: ${problem}`, 'HTTP', 'option', cause);
}

function checkTls(given: Certificate): Certificate {
  const advice = ': for other settings of TLS, pass a server of node:https to WebSocketServer.new()';
  const { key, cert } = readOptions(given, TLS_KEYS, 'HTTP', { prefix: 'tls.', advice });
  for (const [name, value] of Object.entries({ key, cert }) as [string, unknown][]) {
    if (typeof value === 'string' || ArrayBuffer.isView(value)) continue;
    throw invalidOption(`tls.${name} must be a string or bytes in PEM, such as those of a file`, 'HTTP');
  }
  return { key, cert };
}
