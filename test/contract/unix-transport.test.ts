import { describe } from 'vitest';
import { socketPairs, toTransports } from '../helpers/transport-pairs.ts';
import { testTransportContract } from './transport-contract.ts';

describe('SocketTransport over a Unix socket keeps the transport contract', () => {
  testTransportContract(async () => toTransports(await socketPairs.unix()));
});

describe('SocketTransport over a Unix socket, reading into the shared buffer, keeps the transport contract', () => {
  testTransportContract(async () => {
    const [client, server] = toTransports(await socketPairs.unix(true));
    return [server, client];
  });
});
