/**
 * A server in a process of its own, to be run with `--expose-gc`: it tells its parent the port, and on the message
 * `report` what is left of all that has come and gone.
 */
import { setTimeout } from 'node:timers/promises';
import { WebServer, WebSocketServer } from '../../src/index.ts';
import { timers } from '../../src/base/timers.ts';

/** What the parent gets: first the port, then a report for each time it asked. */
export interface CycleReport {
  readonly port: number;
  /** Callbacks that have run, by name. */
  readonly counts: Readonly<Record<string, number>>;
  readonly connections: number;
  readonly pendingTicks: number;
  /** What keeps the process alive, sorted. */
  readonly resources: readonly string[];
  /** Sockets that the HTTP server still counts. */
  readonly sockets: number;
  /** Bytes in use after the garbage was collected, in the heap and outside of it. */
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
  // The last ones may still be on their way out.
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
