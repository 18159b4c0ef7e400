import type { Socket } from 'node:net';
import {
  type CommonOptions,
  type ComponentSignature,
  type DataType,
  WebSocket,
  type WebSocketConnection,
} from '../../src/index.ts';
import { type RecordedCallbacks, recordingHandler, type RecordingHandler } from '../../src/testing.ts';
import { frame } from './frames.ts';
import type { Inbox } from './inbox.ts';
import { startServerOf } from './library-server.ts';
import { connectPeer, type Peer, startPeerServer } from './peer.ts';
import { RawClient } from './raw-client.ts';
import { startRawServer } from './raw-server.ts';

/** The library's end of a connection, as its user sees it. */
export interface LibraryEnd {
  readonly ws: WebSocket<never> | WebSocketConnection<never>;
  readonly handler: RecordingHandler<unknown>;
}

/** A connection between the library and the `ws` package. */
export interface PeerPair extends LibraryEnd {
  readonly peer: Peer;
}

/** A connection between the library and a peer whose frames the test writes by hand. */
export interface RawPair extends LibraryEnd {
  /** Sends frames of the peer, all in one write: first byte as hex, and payload. */
  readonly send: (...frames: readonly (readonly [first: string, payload?: string | Uint8Array])[]) => void;
  /** The frames that the library has sent, described like `81 48656c6c6f`. */
  readonly frames: Inbox<string>;
  /** Ends TCP from the side of the peer. */
  readonly end: () => void;
  readonly socket: Socket;
}

/** A side of a connection that the library can be on. */
export interface Side {
  readonly name: 'client' | 'server';
  readonly component: ComponentSignature;
  connect(additions?: RecordedCallbacks<unknown>, options?: CommonOptions): Promise<PeerPair>;
  connectRaw(additions?: RecordedCallbacks<unknown>, options?: CommonOptions): Promise<RawPair>;
}

export const DATA_TYPES: readonly DataType[] = ['text', 'blob', 'object', 'auto'];

/** Both sides, for tests of rules that hold on both. */
export const sides: readonly Side[] = [
  {
    name: 'client',
    component: 'HTCL',
    async connect(additions, options) {
      const server = await startPeerServer({ perMessageDeflate: options?.compression !== undefined });
      const handler = recordingHandler(additions);
      const ws = await WebSocket.new(server.url, handler, options);
      return { ws: ws!, handler, peer: await server.accept() };
    },
    async connectRaw(additions, options) {
      const server = await startRawServer();
      const handler = recordingHandler(additions);
      const attempt = WebSocket.new(server.url, handler, options);
      const peer = await server.open();
      const ws = await attempt;
      return {
        ws: ws!,
        handler,
        send: (...frames) =>
          void peer.socket.write(Buffer.concat(frames.map(([first, payload]) => frame('server', first, payload)))),
        frames: peer.frames,
        end: () => void peer.socket.end(),
        socket: peer.socket,
      };
    },
  },
  {
    name: 'server',
    component: 'HTTP',
    async connect(additions = {}, options = {}) {
      const handler = recordingHandler(additions);
      const { url } = await startServerOf(handler, { ...options, dataType: additions.dataType });
      const peer = await connectPeer(url);
      return { ws: await handler.opened(), handler, peer };
    },
    async connectRaw(additions = {}, options = {}) {
      const handler = recordingHandler(additions);
      const { web } = await startServerOf(handler, { ...options, dataType: additions.dataType });
      const peer = await RawClient.open(web.HTTPPort);
      return {
        ws: await handler.opened(),
        handler,
        send: (...frames) =>
          void peer.socket.write(Buffer.concat(frames.map(([first, payload]) => frame('client', first, payload)))),
        frames: peer.frames,
        end: () => void peer.socket.end(),
        socket: peer.socket,
      };
    },
  },
];
