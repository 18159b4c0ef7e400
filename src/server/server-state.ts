/**
 * The states of a server, in order. `opening`: onOpen has not finished, and clients wait for it. `open`: clients are
 * admitted. `ending`: clients are refused, and the connections end. `terminating`: all callbacks of connections are
 * over, or their time is up, and onTerminate is about to run. `over`: onTerminate runs, has run, or its time is up.
 */
export type ServerState = 'opening' | 'open' | 'ending' | 'terminating' | 'over';
