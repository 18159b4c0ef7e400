import { setTimeout as sleep } from 'node:timers/promises';
import { answerCalls } from '../../../bench/processes/answer-calls.ts';
import { type ConnectionHandler, WebServer, WebSocketServer } from '../../../src/index.ts';
import { takeInventory } from '../../helpers/inventory.ts';
import { commitFault, type FaultName } from '../../helpers/planted-faults.ts';
import { applySettings, switchOff } from '../limits.ts';
import type { ServerCalls } from './calls.ts';

/** Time that onConnection takes for a client with `?wait=briefly`. */
const BRIEF_MS = 20;

let fault: FaultName | undefined;

const echo: ConnectionHandler = {
  onMessage: (connection, { data }) => void connection.send(data),
  // Errors of connections are expected here.
  onError: () => {},
  onTerminate() {
    if (fault !== undefined) commitFault(fault);
  },
};

const web = new WebServer({ HTTPPort: 0, IPAddressToListen: '127.0.0.1' });
let server: WebSocketServer | undefined;

async function decide(wait: unknown): Promise<ConnectionHandler> {
  if (wait === 'forever') await new Promise(() => {});
  await sleep(BRIEF_MS);
  return echo;
}

function countSockets(): Promise<number> {
  return new Promise((resolve, reject) => {
    web.httpServers[0]!.getConnections((error, count) => (error === null ? resolve(count) : reject(error)));
  });
}

const calls: ServerCalls = {
  async start({ settings, without, ...task }) {
    fault = task.fault;
    const { success, errors } = await web.start();
    if (!success) throw new Error(errors?.[0]?.message);
    server = WebSocketServer.new(
      { onConnection: (_, { request: { query } }) => (query['wait'] === undefined ? echo : decide(query['wait'])) },
      { ...applySettings(switchOff(settings, without)), dataType: 'text', webServer: web },
    )!;
    return web.HTTPPort;
  },
  async measure() {
    // The first collection runs finalizers that free more memory for the second.
    for (let i = 0; i < 2; i++) {
      globalThis.gc?.();
      await sleep(100);
    }
    const { rss, heapUsed, external } = process.memoryUsage();
    return { residentBytes: rss, usedBytes: heapUsed + external };
  },
  async left(patienceMs) {
    const untilMs = performance.now() + patienceMs;
    for (;;) {
      const left = { connections: server!.connections.length, sockets: await countSockets() };
      if (left.connections + left.sockets === 0 || performance.now() > untilMs) return left;
      await sleep(20);
    }
  },
  count: takeInventory,
};

answerCalls(calls);
