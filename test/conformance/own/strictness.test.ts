import { checkPeer } from '../check-peer.ts';
import { strictness } from '../cases/strictness.ts';
import { startLibraryClient, startLibraryServer } from '../runner/peers.ts';

checkPeer('the server, beyond the known cases', startLibraryServer, { cases: strictness });
checkPeer('the client, beyond the known cases', startLibraryClient, { cases: strictness });
