import { checkPeer } from './check-peer.ts';
import { startLibraryServer } from './runner/peers.ts';

checkPeer('the server', startLibraryServer);
