import { mkdtempSync, readdirSync, readlinkSync, realpathSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { answerCalls } from '../../../bench/processes/answer-calls.ts';
import { type ConnectionHandler, WebServer, WebSocketServer } from '../../../src/index.ts';
import { takeInventory } from '../../helpers/inventory.ts';
import { commitFault, type FaultName } from '../../helpers/planted-faults.ts';
import { applySettings, switchOff, switchOffWeb } from '../limits.ts';
import { BIG_FILE, BIG_FILE_BYTES, SMALL_FILE } from '../served-files.ts';
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

/** The folder in which Linux shows the open files of a process. */
const DESCRIPTORS = '/proc/self/fd';

const rootFolder = mkdtempSync(join(realpathSync(tmpdir()), '4d-abuse-'));
process.on('exit', () => rmSync(rootFolder, { recursive: true }));
writeFileSync(join(rootFolder, SMALL_FILE), 'small');
writeFileSync(join(rootFolder, BIG_FILE), '');
// The file has a length, but takes no space on the disk.
truncateSync(join(rootFolder, BIG_FILE), BIG_FILE_BYTES);

const web = new WebServer({ HTTPPort: 0, IPAddressToListen: '127.0.0.1', rootFolder });
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

/** Counts the served files that are open: only Linux tells. */
function countOpenFiles(): number {
  if (process.platform !== 'linux') return 0;
  return readdirSync(DESCRIPTORS).filter((name) => {
    try {
      return readlinkSync(join(DESCRIPTORS, name)).startsWith(rootFolder);
    } catch {
      // The descriptor of the listing itself is closed by now.
      return false;
    }
  }).length;
}

const calls: ServerCalls = {
  async start({ settings, without, ...task }) {
    fault = task.fault;
    const { success, errors } = await web.start(switchOffWeb(task.web, without));
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
    return { residentBytes: rss, usedBytes: heapUsed + external, openFiles: countOpenFiles() };
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
