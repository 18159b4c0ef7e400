import { setTimeout as sleep } from 'node:timers/promises';
import type { RequestOptions } from '../../helpers/handshake-request.ts';
import type { Ending } from '../attack.ts';
import type { Limits } from '../limits.ts';
import { HostilePeer, type HostilePeerOptions, type Target } from './hostile-peer.ts';

/** The task of a crowd of hostile peers. */
export interface CrowdTask extends Target {
  /** The documented limits, even if the server runs with one switched off. */
  readonly limits: Limits;
  /** Number of peers at a time. */
  readonly peers: number;
  /** Duration of a flood. */
  readonly pressMs: number;
  /** Time for the server to end a peer after its last hostile act. */
  readonly patienceMs: number;
}

/** The result of a crowd. */
export interface CrowdReport {
  readonly peers: number;
  readonly mostSockets: number;
  readonly endings: Readonly<Record<Ending, number>>;
}

/** The ending of a peer that the server has not ended. */
export const STILL_THERE: Ending = 'still there';

/** Most connections of one attack, so that a fast machine does not open too many. */
const MAX_PEERS = 20_000;
/** Lives of each peer of a flood, also when there is no time left for the second one. */
const MIN_LIVES = 2;
/** Time between two bytes of a peer that sends byte by byte. */
const BYTE_INTERVAL_MS = 250;
/** Number of connections that are opened at a time. */
const OPENING_AT_ONCE = 100;

/** The peers of one attack: opens them, and counts how they end. */
export class HostileCrowd {
  readonly limits: Limits;
  readonly peers: number;
  readonly #task: CrowdTask;
  readonly #onHeight: (peers: number, isBusy: boolean) => Promise<void>;
  /** Peers that the server has not ended. */
  readonly #present = new Set<HostilePeer>();
  /** Peers whose own socket is not closed. */
  readonly #sockets = new Set<HostilePeer>();
  readonly #endings: Record<Ending, number> = {};
  #total = 0;
  #mostSockets = 0;

  /** @param onHeight - gets the number of peers and whether bytes pour in, and resolves when the attack may go on */
  constructor(task: CrowdTask, onHeight: (peers: number, isBusy: boolean) => Promise<void>) {
    this.#task = task;
    this.limits = task.limits;
    this.peers = task.peers;
    this.#onHeight = onHeight;
  }

  /** Opens a new peer, and resolves when TCP is connected. */
  async connect(options?: HostilePeerOptions): Promise<HostilePeer> {
    const peer = new HostilePeer(this.#task, options);
    this.#total++;
    this.#present.add(peer);
    this.#sockets.add(peer);
    this.#mostSockets = Math.max(this.#mostSockets, this.#sockets.size);
    void this.#monitor(peer);
    await peer.connected;
    return peer;
  }

  /** Opens a new peer, and resolves when the server has answered its handshake. */
  async open(request?: RequestOptions, options?: HostilePeerOptions): Promise<HostilePeer> {
    const peer = await this.connect(options);
    peer.request(request);
    await peer.opened;
    return peer;
  }

  /** Opens all peers of the attack with `open`. */
  async gather(open: (index: number) => Promise<HostilePeer>): Promise<HostilePeer[]> {
    const gathered: HostilePeer[] = [];
    for (let start = 0; start < this.peers; start += OPENING_AT_ONCE) {
      const count = Math.min(OPENING_AT_ONCE, this.peers - start);
      gathered.push(...(await Promise.all(Array.from({ length: count }, (_, index) => open(start + index)))));
    }
    return gathered;
  }

  /**
   * Waits for a measurement. The attack calls this when the server holds the most memory.
   *
   * @param isBusy - true when bytes pour in meanwhile
   */
  async atHeight(isBusy = false): Promise<void> {
    await this.#onHeight(this.#sockets.size, isBusy);
  }

  /** Repeats a short life with all peers at once for `pressMs`, twice at least. In the middle the memory is measured. */
  async flood(live: (index: number) => Promise<void>): Promise<void> {
    const { pressMs } = this.#task;
    const untilMs = performance.now() + pressMs;
    let lives = 0;
    const keepOn = async (): Promise<void> => {
      // On a busy machine the first life may take all the time, and then nothing would be repeated.
      for (let count = 0; count < MIN_LIVES || performance.now() < untilMs; count++) {
        if (this.#total >= MAX_PEERS) return;
        await live(lives++);
      }
    };
    await Promise.all([
      sleep(pressMs / 2).then(() => this.atHeight(true)),
      ...Array.from({ length: this.peers }, keepOn),
    ]);
  }

  /** Waits until the server has ended a peer, at most `patienceMs`. */
  async waitForEnd(peer: HostilePeer): Promise<void> {
    const stop = new AbortController();
    await Promise.race([peer.ended, sleep(this.#task.patienceMs, undefined, { signal: stop.signal })]).finally(() =>
      stop.abort(),
    );
  }

  /** Lets a peer send byte by byte until the server has ended it, at most `patienceMs`. */
  async trickle(peer: HostilePeer): Promise<void> {
    const untilMs = performance.now() + this.#task.patienceMs;
    while (!peer.hasEnded && performance.now() < untilMs) {
      await peer.write('a');
      await sleep(BYTE_INTERVAL_MS);
    }
  }

  /**
   * Waits until the server has ended every peer. The peers that are left in the end count as {@link STILL_THERE}.
   *
   * @remarks Sockets that peers keep open stay open: the server must destroy its own end.
   */
  async settle(): Promise<CrowdReport> {
    const untilMs = performance.now() + this.#task.patienceMs;
    while (this.#present.size > 0 && performance.now() < untilMs) await sleep(20);
    const stillThere = this.#present.size;
    const endings = { ...this.#endings, ...(stillThere > 0 && { [STILL_THERE]: stillThere }) };
    return { peers: this.#total, mostSockets: this.#mostSockets, endings };
  }

  async #monitor(peer: HostilePeer): Promise<void> {
    const ending = await peer.ended;
    this.#present.delete(peer);
    this.#endings[ending] = (this.#endings[ending] ?? 0) + 1;
    await peer.closed;
    this.#sockets.delete(peer);
  }
}
