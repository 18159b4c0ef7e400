import { setTimeout } from 'node:timers/promises';
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest';
import { readSlots } from '../../src/redis/cluster-slots.ts';
import { partitionOf } from '../../src/redis/names.ts';
import { redisBroker } from '../../src/redis/redis-broker.ts';
import { type Append, BrokerError } from '../../src/topics/broker.ts';
import { brokerContract } from '../contract/broker.ts';
import { KEEP, Node, put } from '../contract/broker-node.ts';
import { texts } from '../topics/broker-listener.ts';
import { type BrokerCluster, startCluster } from './cluster.ts';
import { describeServers } from './describe-servers.ts';

const MANY = { ...KEEP, messages: 100_000, bytes: 100_000_000 };

describeServers((kind) => {
  let cluster: BrokerCluster;
  beforeAll(async () => {
    cluster = await startCluster(kind);
  });
  afterAll(() => cluster?.close());

  brokerContract(`${kind} cluster`, async () => ({
    connect: () => redisBroker({ cluster: cluster.urls }),
    pass: async (milliseconds) => {
      await setTimeout(milliseconds);
    },
    longestPassMs: 5000,
    hasState: true,
    largestBytes: 1_048_576,
    interrupt: async () => {
      for (const server of cluster.servers) await server.cli('CLIENT', 'KILL', 'TYPE', 'normal');
    },
  }));

  test('a slot that moves while it is written and heard: all is stored once, in order, and heard or told of', async () => {
    const [writer, reader] = [0, 1].map(() => new Node(redisBroker({ cluster: cluster.urls.slice(0, 1) })));
    for (const node of [writer!, reader!]) {
      onTestFinished(() => node.broker.close());
      await node.broker.open(node.listener);
    }
    const topics = ['moving/a', 'staying/b'];
    const { slot, owner } = await cluster.find(`{${partitionOf(topics[0]!)}}`);
    expect((await cluster.find(`{${partitionOf(topics[1]!)}}`)).slot).not.toBe(slot);
    await reader!.broker.watch(topics);
    const writers = { areOn: true };
    let count = 0;
    const write = async (topic: string): Promise<string[]> => {
      const sent: string[] = [];
      while (writers.areOn) {
        const batch = [0, 1, 2].map(() => put(topic, `${count++}`, { keep: MANY }));
        sent.push(...batch.map(({ bytes }) => bytes.toString()));
        await storeAll(writer!, batch);
      }
      return sent;
    };
    const writing = topics.map((topic) => write(topic));
    const other = (owner + 1) % 3;
    for (const [from, to] of [
      [owner, other],
      [other, owner],
    ] as const) {
      await setTimeout(300);
      await cluster.moveSlot(slot, from, to);
    }
    await setTimeout(500);
    writers.areOn = false;
    for (const [i, topic] of topics.entries()) {
      const sent = await writing[i]!;
      expect(sent.length).toBeGreaterThan(30);
      expect(texts(await writer!.readAll(topic))).toEqual(sent);
      const heard = reader!.listener.textsOf(topic);
      expect(heard).toEqual(sent.filter((text) => heard.includes(text)));
    }
    // Who was not told hears everything.
    expect(reader!.listener.textsOf(topics[1]!)).toEqual(await writing[1]);
    expect(reader!.listener.doubts.flat()).toContain(topics[0]);
    expect(reader!.listener.doubts.flat()).not.toContain(topics[1]);
    await storeAll(writer!, [put(topics[0]!, 'end', { keep: MANY })]);
    await reader!.listener.until(() => reader!.listener.textsOf(topics[0]!).at(-1) === 'end');
  });

  test('a node of a cluster is not taken for a server that is alone', async () => {
    const broker = redisBroker({ url: cluster.urls[0] });
    onTestFinished(() => broker.close());
    await expect(broker.open(new Node(broker).listener)).rejects.toMatchObject({
      code: 'misconfigured',
      message: 'the server is part of a cluster: use the option cluster with a list of URLs',
    });
  });

  test('the slots of the partitions are those of their keys', async () => {
    for (const partition of [0, 1, 77, 127]) {
      const { slot } = await cluster.find(`l4d:{${partition}}:l:room`);
      const owner = { host: 'a', port: 1 };
      const ranges = [
        [0, slot - 1, ['b', 2]],
        [slot, slot, [null, 1]],
      ];
      expect(readSlots(ranges, owner)[partition]).toEqual(owner);
    }
  });
});

async function storeAll(node: Node, batch: readonly Append[]): Promise<void> {
  for (let waiting = batch; waiting.length > 0;) {
    const outcomes = await node.broker.append(waiting);
    waiting = waiting.filter((_, i) => outcomes[i] instanceof BrokerError);
    if (waiting.length > 0) await setTimeout(20);
  }
}
