import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { onTestFinished } from 'vitest';
import { type ClientOptions, type ServerOptions, WebSocket, WebSocketServer } from '../../src/ws.ts';

/** A server on a free port, a client of it, and the server's end of that client. */
export interface Peers {
  readonly wss: WebSocketServer;
  readonly client: WebSocket;
  readonly server: WebSocket;
  readonly url: string;
}

/** Starts a server that ends with the test. */
export async function serve(options: ServerOptions = {}): Promise<{ wss: WebSocketServer; url: string }> {
  const wss = new WebSocketServer({ port: 0, host: '127.0.0.1', ...options });
  onTestFinished(() => {
    for (const client of wss.clients ?? []) client.terminate();
    wss.close();
  });
  await once(wss, 'listening');
  return { wss, url: `ws://127.0.0.1:${(wss.address() as AddressInfo).port}` };
}

/** Connects a client to a server of its own. */
export async function connectPeers(server: ServerOptions = {}, options: ClientOptions = {}): Promise<Peers> {
  const { wss, url } = await serve(server);
  const connected = once(wss, 'connection') as Promise<[WebSocket]>;
  const client = new WebSocket(url, options);
  const opened = once(client, 'open');
  const [end] = await connected;
  await opened;
  return { wss, client, server: end, url };
}

/** The next message, with whether it is binary. */
export async function nextMessage(end: WebSocket): Promise<[unknown, boolean]> {
  return (await once(end, 'message')) as [unknown, boolean];
}

/** The close code and the reason, also behind an 'error'. */
export async function closed(end: WebSocket): Promise<[number, string]> {
  return new Promise((resolve) => end.once('close', (code, reason) => resolve([code, reason.toString()])));
}
