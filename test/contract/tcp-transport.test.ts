import { describe } from 'vitest';
import { socketPairs, toTransports } from '../helpers/transport-pairs.ts';
import { testTransportContract } from './transport-contract.ts';

describe('SocketTransport over TCP keeps the transport contract', () => {
  testTransportContract(async () => toTransports(await socketPairs.tcp()));
});

describe('SocketTransport over TCP, reading into the shared buffer, keeps the transport contract', () => {
  testTransportContract(async () => {
    const [client, server] = toTransports(await socketPairs.tcp(true));
    return [server, client];
  });
});
