import { setTimeout as sleep } from 'node:timers/promises';
import { HonestClient } from './honest-client.ts';
import { HonestLedger, type HonestReport, type Phase } from './honest-ledger.ts';

/** Time between two messages of a client. A slow answer does not delay the next message. */
const INTERVAL_MS = 50;
const TICK_MS = 5;
/** Time for the last answers, and for the closing handshakes. */
const FINISH_TIMEOUT_MS = 5000;

/** Clients that exchange messages all the time. */
export class HonestCrowd {
  readonly #ledger: HonestLedger;
  readonly #clients: HonestClient[];
  readonly #timer: NodeJS.Timeout;
  #next = 0;
  #share = 0;

  /** Opens the connections and begins to send. */
  static async start(port: number, count: number): Promise<HonestCrowd> {
    const ledger = new HonestLedger();
    const clients = await Promise.all(
      Array.from({ length: count }, (_, client) => HonestClient.open(port, client, ledger)),
    );
    return new HonestCrowd(ledger, clients);
  }

  private constructor(ledger: HonestLedger, clients: HonestClient[]) {
    this.#ledger = ledger;
    this.#clients = clients;
    this.#timer = setInterval(() => this.#tick(), TICK_MS);
  }

  /** Sets the phase that later messages count for. */
  set phase(phase: Phase) {
    this.#ledger.phase = phase;
  }

  /** Stops sending, waits for the answers, and closes the connections. */
  async stop(): Promise<HonestReport> {
    clearInterval(this.#timer);
    const untilMs = performance.now() + FINISH_TIMEOUT_MS;
    while (this.#clients.some(({ waitingCount }) => waitingCount > 0) && performance.now() < untilMs) await sleep(10);
    await Promise.race([Promise.all(this.#clients.map((client) => client.leave())), sleep(FINISH_TIMEOUT_MS)]);
    return this.#ledger.report;
  }

  /** Sends the messages of some clients in each tick, so that all messages spread evenly over time. */
  #tick(): void {
    this.#share += (this.#clients.length * TICK_MS) / INTERVAL_MS;
    for (; this.#share >= 1; this.#share--) this.#clients[this.#next++ % this.#clients.length]?.send();
  }
}
