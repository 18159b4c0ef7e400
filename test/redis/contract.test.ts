import { setTimeout } from 'node:timers/promises';
import { afterAll, beforeAll } from 'vitest';
import { redisBroker } from '../../src/redis/redis-broker.ts';
import { brokerContract } from '../contract/broker.ts';
import { describeServers } from './describe-servers.ts';
import { type BrokerServer, startServer } from './servers.ts';

describeServers((kind) => {
  let server: BrokerServer;
  beforeAll(async () => {
    server = await startServer({ kind });
  });
  afterAll(() => server?.close());

  brokerContract(kind, async () => ({
    interrupt: async () => {
      await server.cli('CLIENT', 'KILL', 'TYPE', 'normal');
    },
    connect: () => redisBroker({ url: server.url }),
    pass: async (milliseconds) => {
      await setTimeout(milliseconds);
    },
    longestPassMs: 5000,
    hasState: true,
    largestBytes: 1_048_576,
  }));
});
