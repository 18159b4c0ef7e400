import type { Entry, Slice } from '../../src/topics/broker.ts';
import { readEntryBytes } from '../../src/topics/entry-bytes.ts';
import { type Position, parsePosition, toPosition } from '../../src/topics/position.ts';
import type { Since } from '../../src/topics/topic-handler.ts';
import { CORE_LIMITS, type CoreSettings, TopicsCore } from '../../src/topics/topics-core.ts';
import { createRandom } from '../soak/random.ts';
import { type FaultyBroker, FaultyLogs, NO_FAULTS } from './faulty-broker.ts';
import { ModelLog } from './model-log.ts';
import { Scheduler } from './scheduler.ts';
import { type Judge, SimulatedClient } from './simulated-client.ts';

/** How long things go wrong, how long everything is watched then, and how long it has to come right. */
const STORM_MS = 5000;
const CALM_MS = 1500;
const LONGEST_CALM_MS = 10_000;
/** Longest time between two things that happen. */
const PAUSE_MS = 120;
/** How long a node that drains waits at most for its clients, and how often it looks at them. */
const DRAIN_MS = 800;
const LOOK_MS = 50;
/** Within this time clients that were told to move come back. */
const MOVE_MS = 1000;
/** Bound of the memory for recent entries of a node. */
const RING_BYTES = 12_000;

const KEYS = ['k1', 'k2', 'k3'];

interface Node {
  readonly number: number;
  readonly core: TopicsCore;
  readonly broker: FaultyBroker;
}

/**
 * Nodes, clients and a broker behind a bad network, all on one clock. Publishes, kills, forks, partitions, slow clients and
 * drains come by chance; then the faults end, and every client must have everything, or have been told.
 *
 * @returns the first thing that broke a law; undefined when nothing did
 */
export function simulate(seed: number): Promise<string | undefined> {
  const random = createRandom(seed);
  const scheduler = new Scheduler(random);
  return scheduler.use(() => new Simulation(random, scheduler).run());
}

class Simulation implements Judge {
  readonly model = new ModelLog((text) => this.violated(text));
  readonly isThinned: boolean;
  readonly #random: () => number;
  readonly #scheduler: Scheduler;
  readonly #logs: FaultyLogs;
  readonly #settings: CoreSettings;
  readonly #nodes: Node[] = [];
  readonly #clients: SimulatedClient[] = [];
  readonly #nodeOf = new Map<SimulatedClient, Node>();
  readonly #topics: readonly string[];
  readonly #mayLose: boolean;
  readonly #ringBytes: number;
  #hasForked = false;
  #violation: string | undefined;
  #count = 0;

  constructor(random: () => number, scheduler: Scheduler) {
    this.#random = random;
    this.#scheduler = scheduler;
    this.isThinned = this.#happens(0.15);
    this.#mayLose = this.#happens(0.5);
    this.#topics = this.#happens(0.7) ? ['a'] : ['a', 'b'];
    this.#ringBytes = this.#happens(0.3) ? RING_BYTES : CORE_LIMITS.ringBytes;
    this.#settings = {
      history: {
        messages: this.#happens(0.3) ? 1 + this.#below(8) : 200,
        seconds: 60,
        bytes: 1_048_576,
        stateSeconds: 3600,
      },
      onSlow: this.isThinned ? 'latest' : 'catchUp',
      rules: [],
      presence: { max: 1000, leaveGraceMs: 5000 },
    };
    this.#logs = new FaultyLogs({
      random,
      clock: { monotonicMs: () => scheduler.monotonicMs(), wallMs: () => 0 },
      schedule: (delayMs, callback) => void scheduler.schedule(delayMs, callback),
    });
  }

  async run(): Promise<string | undefined> {
    this.#chooseFaults();
    for (let i = 2 + this.#below(2); i > 0; i--) this.#nodes.push(this.#createNode());
    for (let i = 3 + this.#below(4); i > 0; i--) {
      this.#clients.push(new SimulatedClient(`s${i}`, this.#pick(this.#topics), this));
    }
    await this.#pass(STORM_MS, () => this.#act());
    this.#calmDown();
    await this.#pass(CALM_MS, () => {});
    for (let passedMs = CALM_MS; passedMs < LONGEST_CALM_MS && this.#findLoss() !== undefined; passedMs += PAUSE_MS) {
      await this.#pass(PAUSE_MS, () => {});
    }
    const loss = this.#findLoss();
    if (loss !== undefined) this.violated(loss);
    for (const { core } of this.#nodes) void core.close();
    await this.#scheduler.advance(PAUSE_MS);
    return this.#violation;
  }

  // Judge

  isLost(topic: string, position: Position): boolean {
    const after = parsePosition(position);
    // After a failover the log may know again what it had trimmed.
    if (after === undefined || this.#hasForked) return true;
    return this.#logs.logs.read({ topic, after, limit: 0, maxBytes: 0 }).gap !== undefined;
  }

  violated(law: string): void {
    this.#violation ??= law;
  }

  async #pass(milliseconds: number, act: () => void): Promise<void> {
    for (let passedMs = 0; passedMs < milliseconds && this.#violation === undefined;) {
      const pauseMs = this.#random() * PAUSE_MS;
      passedMs += pauseMs;
      await this.#scheduler.advance(pauseMs);
      this.model.observe(this.#logs.stored);
      for (const client of this.#clients) client.read(1 + this.#below(8));
      act();
      if (!this.#happens(0.1)) continue;
      for (const { core } of this.#nodes) {
        if (core.stats.ringBytes > this.#ringBytes) this.violated('law 4: recent entries take more than their limit');
      }
    }
  }

  #act(): void {
    for (const client of this.#clients) {
      if (!client.isConnected && this.#happens(0.3)) this.#connect(client);
    }
    const client = this.#pick(this.#clients);
    const node = this.#pick(this.#nodes);
    const dice = this.#random();
    if (dice < 0.5) for (let i = 1 + this.#below(4); i > 0; i--) this.#publish(node);
    else if (dice < 0.58) client.disconnect();
    else if (dice < 0.62) this.#connect(client);
    else if (dice < 0.72) client.isStalled = !client.isStalled;
    else if (dice < 0.76) this.#chooseFaults();
    else if (dice < 0.8) node.broker.cut(this.#random() * 1500);
    else if (dice < 0.83) this.#logs.disconnect(this.#random() * 800);
    else if (dice < 0.85) this.#logs.pause(this.#random() * 1000);
    else if (dice < 0.88) this.#forge(client);
    else if (dice < 0.91) this.#killNode(node);
    else if (dice < 0.93) this.#drain(node);
    else if (dice < 0.97 && this.#mayLose) this.#loseLogs();
  }

  #publish({ core, number }: Node): void {
    const key = this.#happens(0.4) ? this.#pick(KEYS) : undefined;
    const isRemoved = key !== undefined && this.#happens(0.15);
    const publication = {
      data: isRemoved ? 'null' : `"${number} ${this.#count++}"`,
      key,
      isRemoved: isRemoved || undefined,
      ttl: key === undefined && this.#happens(0.15) ? 1 : undefined,
      except: key === undefined && this.#happens(0.2) ? this.#pick(this.#clients).session : undefined,
      isVolatile: this.#happens(0.1) || undefined,
    };
    // The clients judge what becomes of it.
    void core.publish(this.#pick(this.#topics), publication).catch(() => {});
  }

  #connect(client: SimulatedClient, node: Node = this.#pick(this.#nodes)): void {
    const { last, topic } = client;
    const isFresh = last === undefined || this.#happens(0.1);
    const since: Since = isFresh
      ? this.#pick<Since>(['now', 'start', 'state', { last: 1 + this.#below(30) }])
      : { after: last };
    this.#nodeOf.set(client, node);
    client.connect(since, (sink) => node.core.subscribe(topic, since, sink));
  }

  /** Resumes with a position that was changed: no log must know it. */
  #forge(client: SimulatedClient): void {
    const position = parsePosition(client.last);
    if (position === undefined) return;
    const { epoch, offset, tag } = position;
    const forged = this.#pick([
      toPosition(epoch, { offset, tag: (tag + 1) % 2 ** 32 }),
      toPosition(epoch, { offset: offset + 5, tag }),
      toPosition(`${epoch}0`.slice(-16), { offset, tag }),
      `${epoch}.0${offset}.1`,
    ]);
    if (this.model.knows(forged)) return;
    client.last = forged;
    client.state = undefined;
    const node = this.#pick(this.#nodes);
    this.#nodeOf.set(client, node);
    client.connect({ after: forged }, (sink) => node.core.subscribe(client.topic, { after: forged }, sink));
  }

  #killNode(node: Node): void {
    for (const client of this.#clientsOf(node)) client.disconnect();
    void node.core.close();
    this.#nodes[this.#nodes.indexOf(node)] = this.#createNode();
  }

  /** A node leaves: it serves each client until its wave, and until the client is up to date; at its deadline it cuts. */
  #drain(node: Node): void {
    this.#nodes[this.#nodes.indexOf(node)] = this.#createNode();
    let leftMs = DRAIN_MS;
    const look = (): void => {
      const isLate = leftMs <= 0;
      this.model.observe(this.#logs.stored);
      for (const client of this.#clientsOf(node)) {
        if (isLate) client.disconnect();
        else if (client.isUpToDate && this.#happens(0.3)) client.move();
        else continue;
        this.#scheduler.schedule(this.#random() * MOVE_MS, () => {
          if (!client.isConnected) this.#connect(client);
        });
      }
      leftMs -= LOOK_MS;
      if (isLate) void node.core.close();
      else this.#scheduler.schedule(LOOK_MS, look);
    };
    look();
  }

  #loseLogs(): void {
    const downMs = this.#random() * 600;
    if (this.#happens(0.4)) this.#logs.kill(downMs);
    else {
      this.#hasForked = true;
      this.#logs.failOver(1 + this.#below(4), downMs);
    }
    this.model.observe(this.#logs.stored);
  }

  #chooseFaults(): void {
    const share = (most: number): number => (this.#happens(0.5) ? this.#random() * most : 0);
    Object.assign(this.#logs.faults, {
      drop: share(0.3),
      double: share(0.2),
      reorder: share(0.3),
      refuse: share(0.1),
      loseAnswer: share(0.1),
      failRead: share(0.2),
      delayMs: this.#random() * 60,
    });
  }

  #calmDown(): void {
    Object.assign(this.#logs.faults, NO_FAULTS);
    for (const client of this.#clients) {
      client.isStalled = false;
      if (!client.isConnected) this.#connect(client);
    }
  }

  /** Tells what a client still lacks. */
  #findLoss(): string | undefined {
    for (const { topic, last, state, session, isConnected } of this.#clients) {
      if (!isConnected) return 'a subscription has failed';
      const slice = this.#logs.logs.read({ topic, limit: 0, maxBytes: 0, isStateWanted: true });
      const head = toPosition(slice.epoch, slice.head);
      let position = head;
      for (;;) {
        const entry = this.model.get(position);
        if (position === last || entry === undefined || !(entry.hasTtl || entry.except === session)) break;
        position = entry.before;
      }
      if (position !== last) return `law 1: a client is at ${last}, and the log at ${head}`;
      if (state !== undefined && !hasState(state, slice)) return 'law 1: a client has another state than the log';
    }
    return undefined;
  }

  #createNode(): Node {
    const broker = this.#logs.connect();
    const core = new TopicsCore(broker, this.#settings, {
      ...CORE_LIMITS,
      ringBytes: this.#ringBytes,
      reads: 4,
      headCheckMs: 1000,
      subscribersPerTurn: 2,
      waitingEntries: 2,
      resumesPerSecond: 20,
    });
    return { number: this.#count++, core, broker };
  }

  #clientsOf(node: Node): SimulatedClient[] {
    return this.#clients.filter((client) => client.isConnected && this.#nodeOf.get(client) === node);
  }

  #happens(share: number): boolean {
    return this.#random() < share;
  }

  #below(count: number): number {
    return Math.floor(this.#random() * count);
  }

  #pick<T>(items: readonly T[]): T {
    return items[this.#below(items.length)]!;
  }
}

/** Whether a client knows the last entry of each key, and no other. */
function hasState(state: ReadonlyMap<string, string>, { state: entries = [] }: Slice): boolean {
  const isSame = ({ key, bytes }: Entry): boolean => {
    const content = readEntryBytes(bytes);
    return typeof content === 'object' && state.get(key ?? '') === content.data.toString();
  };
  return state.size === entries.length && entries.every(isSame);
}
