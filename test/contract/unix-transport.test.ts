import { describe } from 'vitest';
import { socketPairs, toTransports } from '../helpers/transport-pairs.ts';
import { testTransportContract } from './transport-contract.ts';

describe('SocketTransport over Unix keeps the contract of transports', () => {
  testTransportContract(async () => toTransports(await socketPairs.unix()));
});

describe('SocketTransport over Unix sockets keeps it with a socket that reads into shared memory', () => {
  testTransportContract(async () => {
    const [client, server] = toTransports(await socketPairs.unix(true));
    return [server, client];
  });
});
