import { mkdtempSync, readdirSync, readlinkSync, realpathSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { answerCalls } from '../../../tools/answer-calls.ts';
import {
  type Admission,
  type ConnectionHandler,
  refuse,
  type RequestInfo,
  WebServer,
  WebSocketServer,
} from '../../../src/index.ts';
import { takeInventory } from '../../helpers/inventory.ts';
import { commitFault, type FaultName } from '../../helpers/planted-faults.ts';
import { applySettings, switchOff, switchOffWeb } from '../limits.ts';
import { BIG_FILE, BIG_FILE_BYTES, SMALL_FILE } from '../served-files.ts';
import type { ServerCalls } from './calls.ts';
import { ENDING_PATH, EndingServers } from './ending-servers.ts';
import { reactingHandler } from './reacting-handler.ts';

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
const endingServers = new EndingServers(web);
let server: WebSocketServer | undefined;
/** Descriptors that are open before the first client comes. */
let ownDescriptors = 0;

async function decide(wait: unknown): Promise<ConnectionHandler> {
  if (wait === 'forever') await new Promise(() => {});
  await sleep(BRIEF_MS);
  return echo;
}

/** Chooses the handler of a client by its URL. */
function handlerFor({ url, query }: RequestInfo): Admission<string> | Promise<Admission<string>> {
  const { wait, do: reaction } = query;
  // Between two of the ending servers nobody has their path.
  if (url === ENDING_PATH) return refuse(503);
  if (wait !== undefined) return decide(wait);
  return typeof reaction === 'string' ? reactingHandler(reaction) : echo;
}

/** Counts the open file descriptors of this process, on Linux. */
function countDescriptors(): number {
  return process.platform === 'linux' ? readdirSync(DESCRIPTORS).length : 0;
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
  async start({ settings, without, endsServers, ...task }) {
    fault = task.fault;
    const { success, errors } = await web.start(switchOffWeb(task.web, without));
    if (!success) throw new Error(errors?.[0]?.message);
    server = WebSocketServer.new(
      { onConnection: (_, { request }) => handlerFor(request) },
      { ...applySettings(switchOff(settings, without)), dataType: 'text', webServer: web },
    )!;
    ownDescriptors = countDescriptors();
    if (endsServers === true) endingServers.start();
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
    await endingServers.stop();
    for (;;) {
      const left = {
        connections: server!.connections.length,
        sockets: await countSockets(),
        descriptors: Math.max(0, countDescriptors() - ownDescriptors),
        lateServers: endingServers.late,
      };
      const isNothing = left.connections + left.sockets + left.descriptors === 0;
      if (isNothing || performance.now() > untilMs) return left;
      await sleep(20);
    }
  },
  count: takeInventory,
};

answerCalls(calls);
