/**
 * The states of a server, in order. `opening`: onOpen has not finished, and clients wait for it. `open`: clients are
 * admitted. `ending`: clients are refused, and the connections end. `terminating`: all connections have ended, and
 * onTerminate is about to run. `over`: onTerminate runs, or has run.
 */
export type ServerState = 'opening' | 'open' | 'ending' | 'terminating' | 'over';
