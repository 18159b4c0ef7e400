import { describe } from 'vitest';
import { socketPairs, toTransports } from '../helpers/transport-pairs.ts';
import { testTransportContract } from './transport-contract.ts';

describe('SocketTransport over TLS keeps the contract of transports', () => {
  testTransportContract(async () => toTransports(await socketPairs.tls()));
});

describe('SocketTransport over TLS keeps it with a socket that reads into shared memory', () => {
  testTransportContract(async () => {
    const [client, server] = toTransports(await socketPairs.tls(true));
    return [server, client];
  });
});
