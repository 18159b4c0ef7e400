import { setTimeout as sleep } from 'node:timers/promises';
import { callWorker, killWorker, tryExpr, type WebServer, WebSocketServer } from '../../../src/index.ts';
import { reactingHandler } from './reacting-handler.ts';

/** The path of the servers. */
export const ENDING_PATH = '/ending';
/** Time that a server lets clients in. */
const OPEN_MS = 100;
/** Time that the end of a server may take beyond its own, on a machine that is busy with an attack. */
const TOLERANCE_MS = 2000;

/** Ways to end a server, and the time that each gives the peers. */
const WAYS: readonly (readonly [ms: number, end: (wss: WebSocketServer, worker: string) => unknown])[] = [
  [0, (wss) => wss.terminate(0)],
  [200, (wss) => wss.terminate(0.2)],
  [200, (wss) => wss.drain({ deadlineMs: 200, batchSize: 5, intervalMs: 20 })],
  [2000, (_, worker) => killWorker(worker)],
];

/** Servers that are created and ended one after the other, each in another way, while a callback of most clients hangs. */
export class EndingServers {
  readonly #web: WebServer;
  #isStopping = false;
  #late = 0;
  #over: Promise<void> | undefined;

  constructor(web: WebServer) {
    this.#web = web;
  }

  /** Servers that were not over in their time. */
  get late(): number {
    return this.#late;
  }

  start(): void {
    this.#over = this.#run();
  }

  /** Creates no more servers. Resolves when the last one has ended. */
  async stop(): Promise<void> {
    this.#isStopping = true;
    await this.#over;
  }

  async #run(): Promise<void> {
    for (let i = 0; !this.#isStopping; i++) {
      const [ms, end] = WAYS[i % WAYS.length]!;
      const worker = `ending ${i}`;
      const wss = await this.#create(worker);
      // The path of a server that is late is not free.
      if (wss === undefined) return;
      await sleep(OPEN_MS);
      void end(wss, worker);
      const untilMs = performance.now() + ms + TOLERANCE_MS;
      while (!wss.terminated && performance.now() < untilMs) await sleep(10);
      if (!wss.terminated) this.#late++;
      killWorker(worker);
    }
  }

  #create(worker: string): Promise<WebSocketServer | undefined> {
    const handler = { onConnection: () => reactingHandler('hang') };
    const create = (): WebSocketServer | null =>
      WebSocketServer.new(handler, { webServer: this.#web, path: ENDING_PATH });
    return new Promise((resolve) => {
      callWorker(worker, () => resolve(tryExpr(create) ?? undefined));
    });
  }
}
