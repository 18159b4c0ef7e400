import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { expect, onTestFinished, test } from 'vitest';
import { type TopicHandler, WebSocket } from '../../src/index.ts';
import { DeployedNode, findPortPair } from './deployed-node.ts';
import { describeServers } from './describe-servers.ts';
import { startServer } from './servers.ts';

const FOLDER = new URL('../../examples/deploy/', import.meta.url);
const UNIT = read('chat@.service');
const YAML = read('kubernetes.yaml');
const { apps } = createRequire(import.meta.url)('../../examples/deploy/ecosystem.config.cjs') as {
  readonly apps: readonly { readonly kill_timeout: number; readonly wait_ready: boolean }[];
};
const DEADLINE_MS = Number(find(read('server.ts'), /deadlineMs: ([\d_]+)/).replaceAll('_', ''));
const PRE_STOP_MS = 1000 * Number(find(YAML, /preStop: \{ sleep: \{ seconds: (\d+) /));

/** How long each platform waits behind its signal before it kills. */
const GRACE_MS = {
  systemd: 1000 * Number(find(UNIT, /^TimeoutStopSec=(\d+)$/m)),
  kubernetes: 1000 * Number(find(YAML, /terminationGracePeriodSeconds: (\d+)/)) - PRE_STOP_MS,
  pm2: apps[0]!.kill_timeout,
};

function read(name: string): string {
  return readFileSync(new URL(name, FOLDER), 'utf8');
}

function find(text: string, pattern: RegExp): string {
  const value = pattern.exec(text)?.[1];
  if (value === undefined) throw new Error(`${pattern} is not there`);
  return value;
}

test('each platform waits for longer than drain() takes at most', () => {
  for (const graceMs of Object.values(GRACE_MS)) expect(graceMs).toBeGreaterThan(DEADLINE_MS + 1000);
});

/** Runs what chat@.service runs behind the start of a node: it succeeds when the node is ready. */
async function startPost(port: number): Promise<void> {
  const [command = '', ...args] = find(UNIT, /^ExecStartPost=(.*)$/m)
    .replaceAll('%i', `${port}`)
    .split(' ');
  await promisify(execFile)(command, args);
}

/** Ends a node as a platform does. It must say that no client should come, and end by itself in time. */
async function end(node: DeployedNode, signal: NodeJS.Signals, graceMs: number): Promise<void> {
  const late = sleep(graceMs, 'late', { ref: false });
  node.signal(signal);
  await expect.poll(() => node.ask('/ready')).toMatchObject({ status: 503, text: /^end(?:ing|ed)$/ });
  expect(await node.ask('/live')).toMatchObject({ status: 200 });
  expect(await Promise.race([node.exited, late])).toBe(0);
}

describeServers((kind) => {
  test('three nodes are replaced under load, each as another platform does it, and nobody misses anything', async () => {
    const redis = await startServer({ kind });
    onTestFinished(() => redis.close());
    const started: DeployedNode[] = [];
    onTestFinished(() => {
      for (const node of started) node.signal('SIGKILL');
    });
    const start = async (port?: number): Promise<DeployedNode> => {
      const free = port ?? (await findPortPair());
      const node = new DeployedNode(free, 10_000 + free, redis.url);
      started.push(node);
      return node;
    };
    const nodes = await Promise.all([start(), start(), start()]);
    await Promise.all(nodes.map(({ port }) => startPost(port)));

    // A load balancer sends clients to nodes that are ready, one after the other.
    let turn = 0;
    const balance = async (): Promise<string> => {
      for (;;) {
        const node = nodes[turn++ % nodes.length]!;
        if ((await node.ask('/ready')).status === 200) return node.url;
      }
    };
    const connect = async (name: string): Promise<WebSocket> => {
      const url = async (): Promise<string> => `${await balance()}?name=${name}`;
      const ws = await WebSocket.connect(await url(), null, { topics: true, reconnect: { url, minDelayMs: 200 } });
      onTestFinished(() => ws.destroy());
      return ws;
    };
    const told: string[] = [];
    const subscribe = async (name: string): Promise<number[]> => {
      const got: number[] = [];
      const handler: TopicHandler<number> = {
        onMessage: (_sub, { data }) => void got.push(data),
        onGap: (_sub, { reason }) => void told.push(`${name} gap ${reason}`),
        onLeave: (_sub, { user }) => void told.push(`${name} sees ${user} leave`),
        onEnd: (_sub, { cause }) => void told.push(`${name} ended by ${cause}`),
      };
      (await connect(name)).subscribe('room', handler, { presence: { show: true, watch: name === 'client 0' } });
      return got;
    };
    const received = await Promise.all(Array.from({ length: 12 }, (_, i) => subscribe(`client ${i}`)));
    const watcher = (await connect('watcher')).subscribe('room', {});
    await expect.poll(async () => (await watcher.members()).count).toBe(received.length);

    const room = (await connect('publisher')).subscribe('room', {});
    const stored: Promise<unknown>[] = [];
    const publish = (): void => {
      const answer = room.publish(stored.length).catch((error: Error) => told.push(`not published: ${error.message}`));
      stored.push(answer);
    };
    const load = setInterval(publish, 10);
    onTestFinished(() => clearInterval(load));

    // systemd: the node ends, and another one is started in its place.
    const [first, second, third] = nodes;
    await end(first, find(UNIT, /^KillSignal=(\w+)$/m) as NodeJS.Signals, GRACE_MS.systemd);
    nodes[0] = await start(first.port);
    await startPost(first.port);
    // Kubernetes: another node is ready before the old one ends, which is let alone for a while.
    const surge = await start();
    const path = find(YAML, /readinessProbe:[^]*?path: (\S+),/);
    await expect.poll(() => surge.ask(path), { timeout: 20_000 }).toMatchObject({ status: 200 });
    nodes.push(surge);
    await sleep(500);
    await end(second, 'SIGTERM', GRACE_MS.kubernetes);
    nodes.splice(1, 1);
    // PM2: the same, and another signal; the new node says by itself that it is ready.
    const reloaded = await start();
    await reloaded.sentReady;
    nodes.push(reloaded);
    await end(third, 'SIGINT', GRACE_MS.pm2);

    clearInterval(load);
    await Promise.all(stored);
    const all = Array.from(stored, (_, i) => i);
    expect(all.length).toBeGreaterThan(1000);
    for (const got of received) await expect.poll(() => got.length, { timeout: 5000 }).toBe(all.length);
    for (const got of received) expect(got).toEqual(all);
    expect(told).toEqual([]);
    expect((await watcher.members()).count).toBe(received.length);
  }, 120_000);
});
