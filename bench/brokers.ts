/**
 * Measures how many messages one process stores in Redis and Valkey: `npm run bench:brokers`.
 *
 * The servers are those of `scripts/install-brokers.sh`. Each message of 256 bytes goes through the outbox and the fence, with
 * all limits of the history, and 256 are under way at a time. Server and process share the machine.
 */
import { BROKER_KINDS, findServer } from '../test/redis/programs.ts';
import { startServer } from '../test/redis/servers.ts';
import { redisBroker } from '../src/redis/redis-broker.ts';
import { Outbox } from '../src/topics/outbox.ts';

const KEEP = { messages: 256, seconds: 300, bytes: 1_048_576, stateSeconds: 86_400 };
const MESSAGES = 100_000;
const UNDER_WAY = 256;
const BYTES = 256;
const TOPICS = [1, 16, 1000];
const ROUNDS = 3;

/** Messages in a second. */
async function measure(url: string, topicCount: number): Promise<number> {
  const broker = redisBroker({ url });
  const outbox = new Outbox(broker);
  await broker.open({ onEntry: () => {}, onDoubt: () => {}, onState: (state) => outbox.onState(state) });
  outbox.onState('up');
  const bytes = Buffer.alloc(BYTES, 'x');
  let next = 0;
  const publish = async (end: number): Promise<void> => {
    while (next < end) await outbox.append({ topic: `room/${next++ % topicCount}`, keep: KEEP, bytes });
  };
  const publishAll = async (end: number): Promise<void> => {
    await Promise.all(Array.from({ length: UNDER_WAY }, () => publish(end)));
  };
  await publishAll(MESSAGES / 10);
  const startMs = performance.now();
  const first = next;
  await publishAll(first + MESSAGES);
  const perSecond = ((next - first) * 1000) / (performance.now() - startMs);
  outbox.close();
  await broker.close();
  return perSecond;
}

async function measureServer(kind: (typeof BROKER_KINDS)[number]): Promise<void> {
  const version = findServer(kind);
  if (version === undefined) {
    console.log(`${kind} is not found: scripts/install-brokers.sh`);
    return;
  }
  for (const topicCount of TOPICS) {
    const figures: number[] = [];
    for (let round = 0; round < ROUNDS; round++) {
      const server = await startServer({ kind });
      try {
        figures.push(await measure(server.url, topicCount));
      } finally {
        await server.close();
      }
    }
    const median = figures.toSorted((a, b) => a - b)[Math.floor(ROUNDS / 2)] ?? 0;
    const topics = `${topicCount} ${topicCount === 1 ? 'topic' : 'topics'}`;
    console.log(`${kind} ${version}, ${topics}: ${Math.round(median).toLocaleString('en')} messages/s`);
  }
}

for (const kind of BROKER_KINDS) await measureServer(kind);
