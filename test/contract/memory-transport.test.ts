import { describe } from 'vitest';
import { MemoryTransport } from '../../src/transport/memory-transport.ts';
import { testTransportContract } from './transport-contract.ts';

describe('MemoryTransport keeps the transport contract', () => {
  testTransportContract(async () => MemoryTransport.pair());
});
