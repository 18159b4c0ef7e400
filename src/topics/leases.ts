import { randomBytes } from 'node:crypto';
import { monotonicMs } from '../base/clock.ts';
import { type Deadline, timers } from '../base/timers.ts';
import type { NodeInfo } from './broker.ts';

/** How often a node renews its lease. */
export const RENEW_MS = 5000;
/** How long a lease lives without renewal. */
const LEASE_MS = 15_000;
/** How soon a renewal that failed is tried again. */
const RETRY_MS = 1000;
/**
 * A renewal that takes longer, or comes later than it should by more, counts as an interruption. A pause that ends leases
 * lasts for {@link LEASE_MS} - {@link RENEW_MS} at least, and one renewal begins in its first half.
 */
const MAX_LATE_MS = 2500;

/** What a node needs of its broker to have a lease. */
export type Renew = (node: NodeInfo, ttlMs: number) => Promise<readonly NodeInfo[]>;

/** Who wants to know which nodes live. The methods never throw. */
export interface LeasesListener {
  /** An answer of the broker has come: these nodes live that were not known to, and these do not live any more. */
  onRenewed(appeared: ReadonlySet<string>, gone: ReadonlySet<string>): void;
}

/**
 * The lease of this node, and the nodes whose leases live: what is a member's life as long as its node lives.
 *
 * @remarks No node is declared gone before this node has renewed its lease without interruption for the life of a lease: when
 * the broker has been away, the others need that time to come back. A node that was never seen alive is not alive.
 */
export class Leases implements Deadline {
  /** 128 random bits of this start of the process. */
  readonly id: string = randomBytes(16).toString('hex');
  readonly #renew: Renew;
  readonly #listener: LeasesListener;
  readonly #living = new Set<string>([this.id]);
  /** Owners of members that an answer did not name, and since when they are known to be gone; undefined while it is unsure. */
  readonly #missing = new Map<string, number | undefined>();
  /** Owners of members of which no answer has told. */
  readonly #unasked = new Set<string>();
  #rank = 0;
  #isDraining = false;
  #isStarted = false;
  #hasEnded = false;
  #ticket: number | undefined;
  /** When the uninterrupted renewals began. */
  #steadySinceMs: number | undefined;
  #lastBeganMs: number | undefined;
  #underWay: Promise<void> | undefined;
  #next: Promise<void> | undefined;

  constructor(renew: Renew, listener: LeasesListener) {
    this.#renew = renew;
    this.#listener = listener;
  }

  /** Takes the lease, and renews it from now on. Further calls have no effect. */
  start(): void {
    if (this.#isStarted) return;
    this.#isStarted = true;
    void this.refresh();
  }

  /** Number of nodes that live, this one included. */
  get count(): number {
    return this.#living.size;
  }

  /** The place of this node among those that live, by id: the node with 0 sweeps first. */
  get rank(): number {
    return this.#rank;
  }

  isLiving(node: string): boolean {
    return this.#living.has(node);
  }

  /** How long a node is known to be gone, in milliseconds; undefined when it is not known to be. */
  goneForMs(node: string): number | undefined {
    const since = this.#missing.get(node);
    return since === undefined ? undefined : monotonicMs() - since;
  }

  /**
   * Notes a node that owns a member.
   *
   * @returns false when no answer of the broker has told yet whether it lives: {@link refresh} finds out
   */
  note(node: string): boolean {
    if (this.#living.has(node) || this.#missing.has(node)) return true;
    this.#unasked.add(node);
    return false;
  }

  /** Forgets the nodes that are gone and own no member any more. */
  forget(isNeeded: (node: string) => boolean): void {
    for (const node of this.#missing.keys()) if (!isNeeded(node)) this.#missing.delete(node);
  }

  /** Renews the lease. Resolves when a renewal that began after this call is over, whether it failed or not. */
  refresh(): Promise<void> {
    if (this.#hasEnded) return Promise.resolve();
    if (this.#underWay === undefined) return this.#begin();
    this.#next ??= this.#underWay.then(() => {
      this.#next = undefined;
      return this.refresh();
    });
    return this.#next;
  }

  /** The broker was away, or its data are lost: leases may have ended that are renewed soon. */
  interrupt(): void {
    this.#steadySinceMs = undefined;
  }

  /** Tells the other nodes that this one goes soon. */
  drain(): void {
    this.#isDraining = true;
    if (this.#isStarted) void this.refresh();
  }

  /** Ends the lease: the members of this node are gone. Never rejects. */
  async end(): Promise<void> {
    if (this.#hasEnded) return;
    this.stop();
    if (!this.#isStarted) return;
    try {
      await this.#renew({ id: this.id, isDraining: true }, 0);
    } catch {
      // The lease ends by itself.
    }
  }

  /** Renews the lease no more: it lapses {@link LEASE_MS} after its last renewal. */
  stop(): void {
    this.#hasEnded = true;
    this.#stopTimer();
  }

  // Deadline

  onDeadline(): void {
    this.#ticket = undefined;
    void this.refresh();
  }

  #begin(): Promise<void> {
    this.#stopTimer();
    this.#underWay = this.#renewOnce().finally(() => {
      this.#underWay = undefined;
    });
    return this.#underWay;
  }

  async #renewOnce(): Promise<void> {
    const beganMs = monotonicMs();
    const asked = new Set(this.#unasked);
    let nextMs = RETRY_MS;
    try {
      const nodes = await this.#renew({ id: this.id, isDraining: this.#isDraining }, LEASE_MS);
      const tookMs = monotonicMs() - beganMs;
      const lateMs = this.#lastBeganMs === undefined ? 0 : beganMs - this.#lastBeganMs - RENEW_MS;
      if (tookMs > MAX_LATE_MS || lateMs > MAX_LATE_MS) this.interrupt();
      this.#lastBeganMs = beganMs;
      this.#steadySinceMs ??= beganMs;
      nextMs = Math.max(0, RENEW_MS - tookMs);
      this.#learn(nodes, asked, beganMs - this.#steadySinceMs >= LEASE_MS);
    } catch {
      this.interrupt();
    }
    if (!this.#hasEnded) this.#ticket = timers.schedule(this, nextMs);
  }

  /**
   * @param asked - owners that were noted before the question
   * @param isSteady - whether a node that is not named is gone
   */
  #learn(nodes: readonly NodeInfo[], asked: ReadonlySet<string>, isSteady: boolean): void {
    const named = new Set(nodes.map(({ id }) => id)).add(this.id);
    const appeared = new Set<string>();
    const gone = new Set<string>();
    let rank = 0;
    for (const node of named) {
      if (node < this.id) rank++;
      if (!this.#living.has(node)) appeared.add(node);
      this.#living.add(node);
      this.#missing.delete(node);
      this.#unasked.delete(node);
    }
    this.#rank = rank;
    for (const node of asked) if (this.#unasked.delete(node)) this.#missing.set(node, undefined);
    if (isSteady) {
      for (const node of this.#living) if (!named.has(node)) gone.add(node);
      for (const node of gone) {
        this.#living.delete(node);
        this.#missing.set(node, undefined);
      }
      const nowMs = monotonicMs();
      for (const [node, since] of this.#missing) if (since === undefined) this.#missing.set(node, nowMs);
    }
    this.#listener.onRenewed(appeared, gone);
  }

  #stopTimer(): void {
    if (this.#ticket !== undefined) timers.cancel(this, this.#ticket);
    this.#ticket = undefined;
  }
}
