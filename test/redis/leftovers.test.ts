import { setTimeout } from 'node:timers/promises';
import { expect, onTestFinished, test } from 'vitest';
import { redisBroker } from '../../src/redis/redis-broker.ts';
import { timers } from '../../src/base/timers.ts';
import { Node } from '../contract/broker-node.ts';
import { describeServers } from './describe-servers.ts';
import { startServer } from './servers.ts';

describeServers((kind) => {
  test('a closed broker leaves no connection and no deadline, also while it connects again', async () => {
    const server = await startServer({ kind });
    onTestFinished(() => server.close());
    const countClients = async (): Promise<number> => (await server.cli('CLIENT', 'LIST')).split('\n').length - 1;
    const nodes = [1, 2].map(() => new Node(redisBroker({ url: server.url })));
    for (const { broker, listener } of nodes) await broker.open(listener);
    expect(await countClients()).toBe(6);
    await nodes[0]!.broker.close();
    while ((await countClients()) > 3) await setTimeout(10);
    await server.kill();
    await nodes[1]!.listener.until(() => nodes[1]!.listener.states.at(-1) === 'down');
    await nodes[1]!.broker.close();
    expect(timers.pendingTicks).toBe(0);
    await server.start();
    await setTimeout(300);
    expect(await countClients()).toBe(0);
  });
});
