import { checkPeer } from './check-peer.ts';
import { startWsServer } from './runner/peers.ts';

// The results of the package ws are known: if they change, the runner is wrong. The package validates text when the
// message is complete, which is late but allowed.
checkPeer('ws, which proves the runner', startWsServer, {
  exceptions: { '6.4.1': 'non-strict', '6.4.2': 'non-strict', '6.4.3': 'non-strict', '6.4.4': 'non-strict' },
  patience: { timeoutMs: 5000, quietMs: 40, promptMs: 40 },
});
