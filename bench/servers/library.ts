import type { ConnectionHandler } from '4d-websocket';
import { versionOf } from '../packages.ts';
import type { Peer } from '../peers.ts';
import type { ServerWorkload } from '../processes/calls.ts';
import { importLibrary } from '../library.ts';
import { serveTopics } from './topics.ts';
import { MAX_BUFFERED_BYTES, MAX_MESSAGE_BYTES, type ServerPeer } from './server-peer.ts';

const DATA_TYPES = { text: 'text', binary: 'blob', object: 'object' } as const;

/** This library's server, used as in a user's program. */
export async function createPeer(peer: Peer): Promise<ServerPeer> {
  const library = await importLibrary(peer);

  let publish: ServerPeer['publish'];

  async function serve({ behaviour, shape }: ServerWorkload): Promise<number> {
    const web = new library.WebServer({ HTTPPort: 0, IPAddressToListen: '127.0.0.1' });
    await web.start();
    if (behaviour === 'topics') {
      publish = serveTopics(library, web);
      return web.HTTPPort;
    }
    library.WebSocketServer.new<object>(
      { onConnection: () => HANDLERS[behaviour] },
      {
        webServer: web,
        // The overloads demand one literal type, although any of the three may come.
        dataType: DATA_TYPES[shape.kind] as 'object',
        compression: shape.isCompressed === true,
        maxMessageBytes: MAX_MESSAGE_BYTES,
        maxBufferedBytes: MAX_BUFFERED_BYTES,
      },
    );
    return web.HTTPPort;
  }

  const notes = peer.entry === undefined ? 'from dist/' : `from ${peer.entry}`;
  return {
    version: peer.entry === undefined ? versionOf('4d-websocket') : '',
    notes,
    serve,
    publish: (topic) => publish?.(topic) ?? Promise.resolve(),
  };
}

const HANDLERS: Readonly<Record<Exclude<ServerWorkload['behaviour'], 'topics'>, ConnectionHandler<object>>> = {
  echo: {
    onMessage(ws, event) {
      ws.send(event.data);
    },
  },
  'fan-out': {
    onMessage(ws, event) {
      for (const connection of ws.wss.connections) connection.send(event.data);
    },
  },
  broadcast: {
    onMessage(ws, event) {
      ws.wss.broadcast(event.data);
    },
  },
};
