import { setTimeout as sleep } from 'node:timers/promises';
import type { BrokerKind } from '../../test/redis/programs.ts';
import { type BrokerServer, type Persistence, startServer } from '../../test/redis/servers.ts';
import { countLost, Follower, Load, startNode } from './load.ts';

const LOAD_MS = 3000;
const BEHIND_MS = 3000;

/** What was seen of one death of a server. */
export interface Death {
  /** Messages that publishers had been told were stored, and those of them that are gone. */
  readonly acknowledged: number;
  readonly lost: number;
  /** What subscribers were told. */
  readonly told: string;
  /** Milliseconds from the moment at which a server was there again until a message was stored. */
  readonly backMs: number;
}

/** Kills a server under load, starts it again on the same data, and looks what is there. */
export async function restart(kind: BrokerKind, persistence: Persistence, args: readonly string[]): Promise<Death> {
  const server = await startServer({ kind, persistence, args });
  const wss = startNode(server.url);
  const follower = new Follower(wss.topics);
  await follower.allBegun();
  const load = new Load(wss.topics);
  await sleep(LOAD_MS);
  await server.kill();
  load.stop();
  await sleep(500);
  const acknowledged = new Map(Array.from(load.acknowledged, ([topic, numbers]) => [topic, [...numbers]]));
  const { count } = load;
  await server.start();
  const startMs = performance.now();
  await wss.topics.publish('topic 0', [-1, '']);
  const backMs = performance.now() - startMs;
  // Topics that nobody publishes to are compared with the broker when it is back.
  await sleep(3000);
  const lost = await countLost(wss.topics, acknowledged);
  const { told } = follower;
  await wss.drain();
  await server.close();
  return { acknowledged: count, lost, told, backMs };
}

/**
 * Kills a primary under load and makes its replica the primary.
 *
 * @param isBehind - true: the replica is stopped for three seconds before, and has what is on its disk then
 */
export async function failOver(kind: BrokerKind, args: readonly string[], isBehind: boolean): Promise<Death> {
  const primary = await startServer({ kind, persistence: 'everysec', args });
  const replica = await startServer({
    kind,
    persistence: 'everysec',
    args: ['--replicaof', '127.0.0.1', `${primary.port}`],
  });
  await isInSync(primary);
  const before = startNode(primary.url);
  const follower = new Follower(before.topics);
  await follower.allBegun();
  const load = new Load(before.topics);
  await sleep(LOAD_MS);
  if (isBehind) {
    replica.stop();
    await sleep(BEHIND_MS);
  }
  await primary.kill();
  load.stop();
  if (isBehind) await replica.restart();
  await replica.cli('REPLICAOF', 'NO', 'ONE');
  const after = startNode(replica.url);
  const startMs = performance.now();
  await after.topics.publish('topic 0', [-1, '']);
  const backMs = performance.now() - startMs;
  const next = new Follower(after.topics, follower.positions);
  await next.allBegun();
  const lost = await countLost(after.topics, load.acknowledged);
  await Promise.all([before.drain({ deadlineMs: 500 }), after.drain()]);
  await Promise.all([primary.close(), replica.close()]);
  return { acknowledged: load.count, lost, told: next.told, backMs };
}

async function isInSync(primary: BrokerServer): Promise<void> {
  while (!(await primary.cli('INFO', 'replication')).includes('state=online')) await sleep(100);
}
