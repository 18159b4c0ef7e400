import { describe } from 'vitest';
import { socketPairs, toTransports } from '../helpers/transport-pairs.ts';
import { testTransportContract } from './transport-contract.ts';

describe('SocketTransport over TCP keeps the contract of transports', () => {
  testTransportContract(async () => toTransports(await socketPairs.tcp()));
});

describe('SocketTransport over TCP keeps it with a socket that reads into shared memory', () => {
  testTransportContract(async () => {
    const [client, server] = toTransports(await socketPairs.tcp(true));
    return [server, client];
  });
});
