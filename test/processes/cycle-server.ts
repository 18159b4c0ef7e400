/**
 * Runs a server in a process of its own, with `--expose-gc`. It sends its parent a report at the start and on every
 * message: the port, and what is left of the connections that have come and gone.
 */
import { setTimeout } from 'node:timers/promises';
import { WebServer, WebSocketServer } from '../../src/index.ts';
import { timers } from '../../src/base/timers.ts';

/** The report that the parent gets. */
export interface CycleReport {
  readonly port: number;
  /** Callbacks that have run, by name. */
  readonly counts: Readonly<Record<string, number>>;
  readonly connections: number;
  readonly pendingTicks: number;
  /** The resources that keep the process alive, sorted. */
  readonly resources: readonly string[];
  /** Number of sockets that the HTTP server still has. */
  readonly sockets: number;
  /** Bytes in use after a garbage collection, in the heap and outside of it. */
  readonly memory: number;
  /** Exceptions and rejections that nobody caught. */
  readonly uncaught: readonly string[];
}

const counts: Record<string, number> = {};
const uncaught: string[] = [];
process.on('uncaughtException', (error) => uncaught.push(String(error)));
process.on('unhandledRejection', (error) => uncaught.push(String(error)));

function count(name: string): void {
  counts[name] = (counts[name] ?? 0) + 1;
}

class Echo {
  onOpen(): void {
    count('open');
  }

  onMessage(ws: { send(text: string): void }, event: { readonly data: string }): void {
    count('message');
    ws.send(event.data);
  }

  onError(): void {
    count('error');
  }

  onTerminate(): void {
    count('terminate');
  }
}

const web = new WebServer({ HTTPPort: 0, IPAddressToListen: '127.0.0.1' });
await web.start();
const wss = WebSocketServer.new(
  {
    onConnection: (_, { request }) => {
      if (request.url === '/refused') {
        count('refused');
        return null;
      }
      return new Echo();
    },
  },
  { webServer: web },
)!;

function countSockets(): Promise<number> {
  return new Promise((resolve, reject) => {
    web.httpServers[0]!.getConnections((error, sockets) => (error === null ? resolve(sockets) : reject(error)));
  });
}

async function report(): Promise<CycleReport> {
  // The last connections may still be ending.
  for (let i = 0; i < 250 && ((await countSockets()) > 0 || timers.pendingTicks > 0); i++) await setTimeout(20);
  for (let i = 0; i < 3; i++) {
    globalThis.gc!();
    await setTimeout(10);
  }
  const { heapUsed, external } = process.memoryUsage();
  return {
    port: web.HTTPPort,
    counts: { ...counts },
    connections: wss.connections.length,
    pendingTicks: timers.pendingTicks,
    resources: process.getActiveResourcesInfo().toSorted(),
    sockets: await countSockets(),
    memory: heapUsed + external,
    uncaught,
  };
}

async function send(): Promise<void> {
  process.send!(await report());
}

process.on('message', () => void send());
await send();
