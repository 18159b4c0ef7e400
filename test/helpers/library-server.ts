import { createServer } from 'node:http';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import {
  type ConnectionHandler,
  type ServerHandler,
  WebServer,
  type WebServerSettings,
  WebSocketServer,
  type WebSocketServerOptions,
} from '../../src/index.ts';
import { makeFolder } from './folder.ts';
import { listen } from './transport-pairs.ts';

/** Starts a web server on a free port of 127.0.0.1. The web server stops with the test. */
export async function startWebServer(settings: WebServerSettings = {}): Promise<WebServer> {
  const web = new WebServer({ HTTPPort: 0, IPAddressToListen: '127.0.0.1', ...settings });
  const { errors } = await web.start();
  if (errors !== undefined) throw new Error(`the web server did not start: ${errors[0]!.message}`);
  onTestFinished(() => web.stop());
  return web;
}

/** A server of the library with a web server of its own. */
export interface LibraryServer {
  readonly web: WebServer;
  readonly wss: WebSocketServer<unknown>;
  /** `ws://127.0.0.1:port` */
  readonly url: string;
}

/**
 * Starts a WebSocket server.
 *
 * @param handler - the server handler, or its `onConnection`
 */
export async function startLibraryServer(
  handler: ServerHandler<unknown> | ServerHandler<unknown>['onConnection'],
  options: Omit<WebSocketServerOptions, 'webServer'> = {},
): Promise<LibraryServer> {
  const web = await startWebServer();
  const wss = WebSocketServer.new(typeof handler === 'function' ? { onConnection: handler } : handler, {
    ...options,
    dataType: (options.dataType ?? 'text') as 'object',
    webServer: web,
  });
  return { web, wss: wss!, url: `ws://127.0.0.1:${web.HTTPPort}` };
}

/** Starts a server that gives each client the same handler. */
export function startServerOf(
  handler: object,
  options: Omit<WebSocketServerOptions, 'webServer'> = {},
): Promise<LibraryServer> {
  return startLibraryServer(() => handler as ConnectionHandler<unknown>, options);
}

/**
 * Starts a WebSocket server on a Unix socket, whose buffers in the system are small and do not grow: a sender is
 * blocked after some hundred kilobytes, where a TCP socket takes ten megabytes.
 *
 * @returns the URL of the server
 */
export async function startUnixServer<T>(
  onConnection: ServerHandler<T>['onConnection'],
  options: Omit<WebSocketServerOptions, 'webServer'> = {},
): Promise<string> {
  const path = join(makeFolder(), 'socket');
  const http = createServer();
  await listen(http, { path });
  const dataType = (options.dataType ?? 'text') as 'object';
  WebSocketServer.new<T>({ onConnection }, { ...options, dataType, webServer: http });
  return `ws+unix:${path}`;
}
