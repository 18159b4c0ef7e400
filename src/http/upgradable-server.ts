import type { Server as HttpServer } from 'node:http';
import type { Http2SecureServer, Http2Server } from 'node:http2';
import type { Server as HttpsServer } from 'node:https';

/** A server of `node:http` or `node:https`. */
export type HttpOrHttpsServer = HttpServer | HttpsServer;

/**
 * Any HTTP server of Node. One of `node:http2` upgrades for clients of HTTP/1.1, where its options admit these: see
 * {@link speaksHttp1}. Vite's dev server is such a server when it uses TLS.
 */
export type UpgradableServer = HttpOrHttpsServer | Http2SecureServer | Http2Server;

/** Tells whether a server takes requests of HTTP/1.1, as servers of `node:http2` do with their option `allowHTTP1` only. */
export function speaksHttp1(server: UpgradableServer): boolean {
  // The option itself is not shown. With it, a server has the time limits of HTTP/1.1.
  return !('updateSettings' in server) || 'headersTimeout' in server;
}
