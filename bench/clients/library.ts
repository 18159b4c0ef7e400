import { importLibrary } from '../library.ts';
import { versionOf } from '../packages.ts';
import type { Peer } from '../peers.ts';
import { MAX_BUFFERED_BYTES, MAX_MESSAGE_BYTES } from '../servers/server-peer.ts';
import type { ClientPeer } from './client-peer.ts';

const DATA_TYPES = { text: 'text', binary: 'blob', object: 'object' } as const;

/** This library's client, used as in a user's program. */
export async function createPeer(peer: Peer): Promise<ClientPeer> {
  const library = await importLibrary(peer);
  return {
    version: peer.entry === undefined ? versionOf('4d-websocket') : '',
    notes: peer.entry === undefined ? 'from dist/' : `from ${peer.entry}`,
    async connect({ url, shape, onMessage, onLost }) {
      const ws = await library.WebSocket.new(
        url,
        { dataType: DATA_TYPES[shape.kind], onMessage: (_ws, event) => onMessage(event.data), onTerminate: onLost },
        {
          compression: shape.isCompressed === true,
          maxMessageBytes: MAX_MESSAGE_BYTES,
          maxBufferedBytes: MAX_BUFFERED_BYTES,
        },
      );
      if (ws === null) throw new Error('no connection');
      return ws;
    },
  };
}
