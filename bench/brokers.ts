/**
 * Measures how many messages one process stores in Redis and Valkey, which `scripts/install-brokers.sh` brings. Each goes
 * through the outbox and the fence, with all limits of the history. Server and process share the machine.
 */
import { redisBroker } from '../src/redis/redis-broker.ts';
import { Outbox } from '../src/topics/outbox.ts';
import { BROKER_KINDS, findServer } from '../test/redis/programs.ts';
import { startServer } from '../test/redis/servers.ts';
import { median } from './compare.ts';

const KEEP = { messages: 256, seconds: 300, bytes: 1_048_576, stateSeconds: 86_400 };
const MESSAGES = 100_000;
const UNDER_WAY = 256;
const BYTES = Buffer.alloc(256, 'x');
const TOPICS = [1, 16, 1000];
const ROUNDS = 3;

async function messagesPerSecond(url: string, topicCount: number): Promise<number> {
  const broker = redisBroker({ url });
  const outbox = new Outbox(broker);
  await broker.open({ onEntry: () => {}, onDoubt: () => {}, onState: (state) => outbox.onState(state) });
  outbox.onState('up');
  let next = 0;
  const publish = async (end: number): Promise<void> => {
    while (next < end) await outbox.append({ topic: `room/${next++ % topicCount}`, keep: KEEP, bytes: BYTES });
  };
  const publishAll = (end: number): Promise<unknown> =>
    Promise.all(Array.from({ length: UNDER_WAY }, () => publish(end)));
  await publishAll(MESSAGES / 10);
  const [first, beganAt] = [next, performance.now()];
  await publishAll(first + MESSAGES);
  const figure = ((next - first) * 1000) / (performance.now() - beganAt);
  outbox.close();
  await broker.close();
  return figure;
}

for (const kind of BROKER_KINDS) {
  const version = findServer(kind);
  if (version === undefined) console.log(`${kind} is not found: scripts/install-brokers.sh`);
  for (const topicCount of version === undefined ? [] : TOPICS) {
    const figures: number[] = [];
    for (let round = 0; round < ROUNDS; round++) {
      const server = await startServer({ kind });
      try {
        figures.push(await messagesPerSecond(server.url, topicCount));
      } finally {
        await server.close();
      }
    }
    const perSecond = Math.round(median(figures)).toLocaleString('en');
    console.log(`${kind} ${version}, ${topicCount} topics: ${perSecond} messages/s`);
  }
}
