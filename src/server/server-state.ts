/**
 * The states of a server, in order. `opening`: onOpen has not finished, and clients wait for it. `open`: clients are
 * admitted. `ending`: clients are refused, and the connections end. `terminating`: all callbacks of connections are
 * over, or their time is up, and onTerminate is about to run. `over`: onTerminate runs, has run, or its time is up.
 */
export type ServerState = 'opening' | 'open' | 'ending' | 'terminating' | 'over';

/**
 * What a load balancer wants to know of a server. `starting`: onOpen has not finished. `ready`: clients are let in. `broker-down`:
 * clients are let in, and the broker of the topics cannot be reached. `ending`: clients are refused, because the server
 * drains or terminates. `ended`: it is over.
 */
export type Readiness = 'starting' | 'ready' | 'broker-down' | 'ending' | 'ended';
