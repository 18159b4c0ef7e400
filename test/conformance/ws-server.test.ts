import { checkPeer } from './check-peer.ts';
import { startWsServer } from './runner/peers.ts';

// A package whose results are known: should they change, the runner is wrong. It looks at text when the message is
// complete, which is late but allowed.
checkPeer('ws, which proves the runner', startWsServer, {
  exceptions: { '6.4.1': 'non-strict', '6.4.2': 'non-strict', '6.4.3': 'non-strict', '6.4.4': 'non-strict' },
  patience: { timeoutMs: 5000, quietMs: 40, promptMs: 40 },
});
