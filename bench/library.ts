import type * as Library from '4d-websocket';
import { pathToFileURL } from 'node:url';
import type { Peer } from './peers.ts';

/** Loads this library as users get it, or the other build of a peer. */
export async function importLibrary(peer: Peer): Promise<typeof Library> {
  const entry = peer.entry === undefined ? '4d-websocket' : pathToFileURL(peer.entry).href;
  return (await import(entry)) as typeof Library;
}
