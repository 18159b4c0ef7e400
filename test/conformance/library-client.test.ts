import { checkPeer } from './check-peer.ts';
import { startLibraryClient } from './runner/peers.ts';

checkPeer('the client', startLibraryClient);
