import { WebSocket, type WebSocketConnection, type WebSocketOptions } from '../../src/index.ts';
import { type RecordedCallbacks, recordingHandler, type RecordingHandler } from '../../src/testing.ts';
import { startServerOf } from '../helpers/library-server.ts';
import type { PeerProcess } from './peer-process.ts';
import type { PeerRole } from './peers.ts';
import { type TappedSide, WireTap } from './wire-tap.ts';

/** What differs from one connection to another. */
export interface PairOptions {
  /** First part of the path that is requested. The peer compresses on `/compressed`. */
  readonly path?: 'plain' | 'compressed' | 'origin';
  /** Subprotocols that the library supports or offers. */
  readonly protocols?: readonly string[];
  /** Subprotocols that a peer offers, and the origin that it names, as its program reads them. */
  readonly offer?: string;
  readonly origin?: string;
  readonly dataType?: NonNullable<RecordedCallbacks<unknown>['dataType']>;
  readonly headers?: NonNullable<RecordedCallbacks<unknown>['headers']>;
  readonly settings?: Pick<WebSocketOptions, 'compression' | 'pingIntervalMs' | 'maxMessageBytes'>;
}

/**
 * Resolves to `event.data` of the next message. Rejects when the connection ends first, which a test then need not wait
 * for.
 */
export async function nextMessage(handler: RecordingHandler<unknown>): Promise<unknown> {
  return Promise.race([
    handler.nextMessage(),
    handler.ended().then(({ message }) => {
      throw new Error(`the connection ended before a message came: ${message}`);
    }),
  ]);
}

/** A connection between the library and a peer. */
export interface Pair {
  readonly ws: WebSocket<never> | WebSocketConnection<never>;
  readonly handler: RecordingHandler<unknown>;
  /** What each side has sent. */
  readonly ours: TappedSide;
  readonly theirs: TappedSide;
  /** What the peer says about the handshake, such as `opened chat`. */
  readonly outcome: string;
  /** Resolves to the code and the reason that the peer was told when the connection ended. */
  readonly closed: () => Promise<string>;
}

/** A handshake that a peer has begun with a server of the library, and that may fail. */
export interface Attempt {
  readonly handler: RecordingHandler<unknown>;
  readonly path: string;
  readonly tap: WireTap;
  /** What the peer says about the handshake, such as `opened chat` or `refused 403`. */
  readonly outcome: string;
}

let connectionCount = 0;

/** Has a peer connect to a server of the library. */
export async function letPeerConnect(peer: PeerProcess, options: PairOptions = {}): Promise<Attempt> {
  const { protocols, settings, offer = '-', origin = '-' } = options;
  const handler = recordingHandler({ dataType: options.dataType ?? 'blob' });
  const { web } = await startServerOf(handler, {
    dataType: options.dataType ?? 'blob',
    ...(protocols !== undefined && { protocols }),
    ...settings,
  });
  const tap = await WireTap.start(web.HTTPPort);
  const path = nextPath(options);
  peer.type(`ws://127.0.0.1:${tap.port}${path} ${offer} ${origin.replace('PORT', String(tap.port))}`);
  return { handler, path, tap, outcome: await peer.outcome(path) };
}

/** Connects the library with a peer that has the given role. */
export async function openPair(peer: PeerProcess, role: PeerRole, options: PairOptions = {}): Promise<Pair> {
  if (role === 'client') {
    const { handler, path, tap, outcome } = await letPeerConnect(peer, options);
    if (!outcome.startsWith('opened')) throw new Error(`the peer could not connect: ${outcome}`);
    const ws = await handler.opened();
    const { client, server } = await tap.connections.next();
    return { ws, handler, ours: server, theirs: client, outcome, closed: () => peer.closed(path) };
  }
  const { dataType = 'blob', headers, protocols, settings } = options;
  const handler = recordingHandler({ dataType, ...(headers !== undefined && { headers }) });
  const tap = await WireTap.start(peer.port);
  const path = nextPath(options);
  const ws = await WebSocket.new(`ws://127.0.0.1:${tap.port}${path}`, handler as object, {
    ...(protocols !== undefined && { protocols }),
    ...settings,
  });
  const { client, server } = await tap.connections.next();
  return {
    ws: ws as WebSocket<never>,
    handler,
    ours: client,
    theirs: server,
    outcome: await peer.outcome(path),
    closed: () => peer.closed(path),
  };
}

function nextPath({ path = 'plain' }: PairOptions): string {
  return `/${path}/${++connectionCount}`;
}
