/** What servers do to appends that are under way, and what comes of it. */
import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { setTimeout } from 'node:timers/promises';
import { describe, expect, onTestFinished, test } from 'vitest';
import { Names } from '../../src/redis/names.ts';
import { redisBroker } from '../../src/redis/redis-broker.ts';
import { type Append, type Appended, BrokerError } from '../../src/topics/broker.ts';
import { KEEP, Node, put, repeatUntil } from '../contract/broker-node.ts';
import { texts } from '../topics/broker-listener.ts';
import { describeServers } from './describe-servers.ts';
import { type BrokerServer, type ServerOptions, startServer } from './servers.ts';

const MANY = { ...KEEP, messages: 100_000, bytes: 100_000_000 };

/** The log of the topic `t` at the server. */
const LOG = new Names('l4d').log('t');

/** A replica is not kept waiting for others. */
const AT_ONCE = ['--repl-diskless-sync-delay', '0'];

/** Appends until all are stored, as the outbox does; notes what was answered meanwhile. */
async function store(node: Node, batch: readonly Append[], codes: string[] = []): Promise<Appended[]> {
  const stored = new Map<Append, Appended>();
  for (let waiting = batch; waiting.length > 0;) {
    const outcomes = await node.broker.append(waiting);
    for (const [i, outcome] of outcomes.entries()) {
      if (outcome instanceof BrokerError) codes.push(outcome.code);
      else stored.set(waiting[i]!, outcome);
    }
    waiting = waiting.filter((append) => !stored.has(append));
    if (waiting.length > 0) await setTimeout(20);
  }
  return batch.map((append) => stored.get(append)!);
}

function numbered(topic: string, count: number, more: Partial<Append> = {}): Append[] {
  return Array.from({ length: count }, (_, i) => put(topic, `${i}`, { keep: MANY, ...more }));
}

function numbers(count: number): string[] {
  return Array.from({ length: count }, (_, i) => `${i}`);
}

/** A way to a server that can be led to another one. */
async function startWay(first: BrokerServer): Promise<{ url: string; leadTo(server: BrokerServer): void }> {
  let target = first;
  const sockets = new Set<Socket>();
  const way = createServer((from) => {
    const to = connect(target.port, '127.0.0.1');
    for (const [socket, other] of [
      [from, to],
      [to, from],
    ] as const) {
      sockets.add(socket);
      socket.pipe(other);
      socket.on('error', () => {});
      socket.on('close', () => other.destroy());
    }
  }).listen(0, '127.0.0.1');
  await once(way, 'listening');
  const cut = (): void => {
    for (const socket of sockets) socket.destroy();
    sockets.clear();
  };
  onTestFinished(() => {
    cut();
    way.close();
  });
  return {
    url: `redis://127.0.0.1:${(way.address() as AddressInfo).port}`,
    leadTo: (server) => {
      target = server;
      cut();
    },
  };
}

async function open(url: string): Promise<Node> {
  const node = new Node(redisBroker({ url }));
  onTestFinished(() => node.broker.close());
  await node.broker.open(node.listener);
  return node;
}

/** Waits until the broker is there again. */
async function isUp(node: Node): Promise<void> {
  await node.listener.until(() => node.listener.states.at(-1) === 'up');
}

describeServers((kind) => {
  async function start(options: Partial<ServerOptions> = {}): Promise<BrokerServer> {
    const server = await startServer({ kind, ...options });
    onTestFinished(() => server.close());
    return server;
  }

  describe('a stopped server', () => {
    test('carries out what was sent and what is sent again once, in order', async () => {
      const server = await start();
      const node = await open(server.url);
      await store(node, [put('t', 'before', { keep: MANY })]);
      server.stop();
      const codes: string[] = [];
      const beganMs = performance.now();
      const storing = store(node, numbered('t', 300), codes);
      await node.listener.until(() => node.listener.states.at(-1) === 'down');
      expect(performance.now() - beganMs).toBeLessThan(4000);
      // What the server has in its sockets is carried out first.
      server.continue();
      const stored = await storing;
      await isUp(node);
      expect(texts(await node.readAll('t'))).toEqual(['before', ...numbers(300)]);
      expect(codes).toContain('unknown');
      // The server had stored these before it heard of the new generation.
      expect(stored.filter(({ offset }) => offset === 0).length).toBeGreaterThan(0);
      const slice = await node.read('t', { limit: 0 });
      expect(slice.head.offset).toBe(301);
    });

    test('answers for an idempotency key with the place of the first append', async () => {
      const server = await start();
      const node = await open(server.url);
      await store(node, [put('t', 'before')]);
      server.stop();
      const storing = store(node, [put('t', 'once', { idempotencyKey: 'id' })]);
      await node.listener.until(() => node.listener.states.at(-1) === 'down');
      server.continue();
      expect(await storing).toMatchObject([{ offset: 2, isDuplicate: true }]);
    });
  });

  test('a server without memory refuses at once, keeps the order, and goes on when it has some', async () => {
    const server = await start({ args: ['--maxmemory', '100mb'] });
    const node = await open(server.url);
    await store(node, numbered('t', 10));
    await node.broker.watch(['t']);
    // The limit falls while appends are under way: some of them are refused among others that are not.
    const outcomes: string[] = [];
    const stored: string[] = [];
    for (let round = 0; round < 30; round++) {
      await repeatUntil(server.cli('CONFIG', 'SET', 'maxmemory', round % 2 === 0 ? '1' : '100mb'), async () => {
        const batch = Array.from({ length: 300 }, (_, i) => put('t', `${round} ${i}`, { keep: MANY }));
        const answers = await node.broker.append(batch);
        for (const [i, answer] of answers.entries()) {
          if (answer instanceof BrokerError) outcomes.push(answer.code);
          else stored.push(batch[i]!.bytes.toString());
        }
      });
    }
    await server.cli('CONFIG', 'SET', 'maxmemory', '100mb');
    expect(new Set(outcomes)).toEqual(new Set(['full', 'down']));
    await store(node, [put('t', 'end', { keep: MANY })]);
    expect(texts(await node.readAll('t'))).toEqual([...numbers(10), ...stored, 'end']);
  });

  test('readers and leases go on while the server has no memory', async () => {
    const server = await start();
    const node = await open(server.url);
    await store(node, [put('t', 'stored')]);
    await server.cli('CONFIG', 'SET', 'maxmemory', '1');
    expect(texts((await node.read('t')).entries)).toEqual(['stored']);
    expect((await node.read('absent', { limit: 0 })).head.offset).toBe(0);
    expect(await node.broker.renew({ id: 'a', isDraining: false }, 1000)).toEqual([{ id: 'a', isDraining: false }]);
    expect(await node.broker.append([put('t', 'refused')])).toMatchObject([{ code: 'full' }]);
  });

  test('a server that forgets its scripts is given them again', async () => {
    const server = await start();
    const node = await open(server.url);
    await store(node, [put('t', 'a')]);
    await server.cli('SCRIPT', 'FLUSH');
    const codes: string[] = [];
    await store(node, [put('t', 'b')], codes);
    expect(codes).toContain('down');
    await server.cli('SCRIPT', 'FLUSH');
    await expect(node.read('t')).rejects.toMatchObject({ code: 'down' });
    await setTimeout(50);
    expect(texts((await node.read('t')).entries)).toEqual(['a', 'b']);
  });

  test('a live feed that is cut is made again, and its readers are told', async () => {
    const server = await start();
    const node = await open(server.url);
    await node.broker.watch(['t', 'u']);
    await store(node, [put('t', 'heard')]);
    await server.cli('CLIENT', 'KILL', 'TYPE', 'pubsub');
    await store(node, [put('t', 'perhaps missed')]);
    await node.listener.until(() => node.listener.doubts.length > 0);
    expect(node.listener.doubts).toEqual(['all']);
    await store(node, [put('t', 'heard again')]);
    await node.listener.until(() => node.listener.textsOf('t').at(-1) === 'heard again');
    node.broker.unwatch(['t']);
    await server.cli('CLIENT', 'KILL', 'TYPE', 'pubsub');
    await node.listener.until(() => node.listener.doubts.length > 1);
    await store(node, [put('t', 'not heard'), put('u', 'end')]);
    await node.listener.until(() => node.listener.textsOf('u').length === 1);
    expect(node.listener.textsOf('t')).not.toContain('not heard');
  });

  test.each([
    { persistence: 'none', isKept: false },
    { persistence: 'everysec', isKept: true },
    { persistence: 'always', isKept: true },
  ] as const)('a server that is killed, with persistence $persistence', async ({ persistence, isKept }) => {
    const server = await start({ persistence });
    const node = await open(server.url);
    await node.broker.watch(['t']);
    const [first] = await store(node, [put('t', 'first', { keep: MANY })]);
    const storing = store(node, numbered('t', 2000));
    await node.listener.until(() => node.listener.textsOf('t').length > 50);
    await server.restart();
    await storing;
    await node.listener.until(() => node.listener.doubts.length > 0);
    await isUp(node);
    const found = texts(await node.readAll('t'));
    const after = { epoch: first!.epoch, offset: first!.offset, tag: first!.tag };
    expect((await node.read('t', { after, limit: 0 })).gap).toBe(isKept ? undefined : 'epoch');
    // Without persistence the acknowledged first part is gone; what was not acknowledged is stored behind it, in order.
    if (isKept) expect(found).toEqual(['first', ...numbers(2000)]);
    else expect(found).toEqual(numbers(2000).slice(2000 - found.length));
  });

  test('a failover that loses a suffix: what was not acknowledged is stored once, and the rest has forked', async () => {
    const [first, second] = [await start({ args: AT_ONCE }), await start()];
    const way = await startWay(first);
    const node = await open(way.url);
    await second.cli('REPLICAOF', '127.0.0.1', `${first.port}`);
    await waitFor(async () => (await second.cli('ROLE')).includes('connected'));
    const kept = await store(node, numbered('t', 10));
    await waitFor(async () => (await second.cli('LLEN', LOG)) === '10');
    // The new server does not hear of what comes now, and the node does not hear of the end of it.
    await second.cli('REPLICAOF', 'NO', 'ONE');
    const lost = await store(node, [put('t', 'lost', { keep: MANY })]);
    first.stop();
    const storing = store(node, [put('t', 'in flight', { keep: MANY }), put('t', 'behind it', { keep: MANY })]);
    await node.listener.until(() => node.listener.states.at(-1) === 'down');
    way.leadTo(second);
    await storing;
    await isUp(node);
    expect(texts(await node.readAll('t'))).toEqual([...numbers(10), 'in flight', 'behind it']);
    const gapBehind = async ([place]: readonly Appended[]): Promise<string | undefined> =>
      (await node.read('t', { after: place!, limit: 0 })).gap;
    expect(await gapBehind(kept.slice(-1))).toBeUndefined();
    expect(await gapBehind(lost)).toBe('forked');
  });

  test('a server that has become a replica is left, and nothing is stored twice', async () => {
    const [first, second] = [await start({ args: AT_ONCE }), await start()];
    const way = await startWay(first);
    const node = await open(way.url);
    await store(node, numbered('t', 5));
    await second.cli('REPLICAOF', '127.0.0.1', `${first.port}`);
    await waitFor(async () => (await second.cli('ROLE')).includes('connected'));
    await waitFor(async () => (await second.cli('LLEN', LOG)) === '5');
    await second.cli('REPLICAOF', 'NO', 'ONE');
    await first.cli('REPLICAOF', '127.0.0.1', `${second.port}`);
    const codes: string[] = [];
    const storing = store(node, [put('t', '5', { keep: MANY }), put('t', '6', { keep: MANY })], codes);
    await node.listener.until(() => node.listener.states.at(-1) === 'down');
    way.leadTo(second);
    await storing;
    await isUp(node);
    expect(new Set(codes)).toEqual(new Set(['down']));
    expect(texts(await node.readAll('t'))).toEqual(numbers(7));
  });
});

async function waitFor(isTrue: () => Promise<boolean>): Promise<void> {
  while (!(await isTrue())) await setTimeout(20);
}
