import { setTimeout } from 'node:timers/promises';
import { afterAll, beforeAll, describe } from 'vitest';
import { redisBroker } from '../../src/redis/redis-broker.ts';
import { brokerContract } from '../contract/broker.ts';
import { describeServers } from './describe-servers.ts';
import { type BrokerServer, startServer } from './servers.ts';

describeServers((kind) => {
  for (const isSecured of [false, true]) {
    const name = isSecured ? `${kind} with TLS and a password` : kind;
    describe(name, () => {
      let server: BrokerServer;
      beforeAll(async () => {
        server = await startServer({ kind, isSecured });
      });
      afterAll(() => server?.close());

      brokerContract(name, async () => ({
        connect: () => redisBroker({ url: server.url, ...(isSecured && { tls: { ca: server.ca } }) }),
        pass: async (milliseconds) => {
          await setTimeout(milliseconds);
        },
        longestPassMs: 5000,
        hasState: true,
        largestBytes: 1_048_576,
        interrupt: async () => {
          await server.cli('CLIENT', 'KILL', 'TYPE', 'normal');
        },
      }));
    });
  }
});
