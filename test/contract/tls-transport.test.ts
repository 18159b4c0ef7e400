import { describe } from 'vitest';
import { socketPairs, toTransports } from '../helpers/transport-pairs.ts';
import { testTransportContract } from './transport-contract.ts';

describe('SocketTransport over TLS keeps the transport contract', () => {
  testTransportContract(async () => toTransports(await socketPairs.tls()));
});

describe('SocketTransport over TLS, reading into the shared buffer, keeps the transport contract', () => {
  testTransportContract(async () => {
    const [client, server] = toTransports(await socketPairs.tls(true));
    return [server, client];
  });
});
