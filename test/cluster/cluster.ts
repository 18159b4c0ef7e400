/** Nodes and clients in processes of their own, and what the judge is told of them. */
import { fileURLToPath } from 'node:url';
import { Callee } from './calls.ts';
import type { ClientPlan, ClientProcedures } from './client-process.ts';
import { judge, type Verdict } from './judge.ts';
import type { NodeFigures, NodeProcedures, NodeSettings } from './node-process.ts';
import type { PublisherPlan } from './publishers.ts';
import { type Publication, type SubscriberRecord, toId } from './records.ts';
import type { SubscriberReport } from './subscriber-log.ts';

/** How a cluster is made. */
export interface ClusterOptions {
  readonly brokerUrl?: string | undefined;
  readonly mistakes?: readonly string[];
  readonly lostFeed?: number;
  /** Messages that each topic keeps. Default 256. */
  readonly messages?: number;
  /** The programs of nodes and clients. Default: those of this library. */
  readonly programs?: { readonly node: URL; readonly clients: URL };
}

const OWN_PROGRAMS = {
  node: new URL('node-process.ts', import.meta.url),
  clients: new URL('client-process.ts', import.meta.url),
};

export type Node = Callee<NodeProcedures> & { url?: string };
export type Clients = Callee<ClientProcedures>;

/** A head check finds the last message of a topic, when its announcement got lost, after 30 s at the latest. */
const REACH_MS = 45_000;

/** What a run has led to. */
export interface RunResult extends Verdict {
  readonly subscribers: readonly SubscriberReport[];
  readonly publications: readonly Publication[];
  /** Subscribers that have not seen the last message of their topic. */
  readonly late: readonly string[];
}

export class Cluster {
  readonly nodes: Node[] = [];
  readonly clients: Clients[] = [];
  readonly publications: Publication[] = [];
  /** The most that a node needed at any time. */
  readonly peak: { ringBytes: number; outboxWaiting: number; rssBytes: number } = {
    ringBytes: 0,
    outboxWaiting: 0,
    rssBytes: 0,
  };
  readonly #options: ClusterOptions;
  readonly #topics = new Set<string>();
  readonly #killedPublishers = new Set<number>();
  readonly #publishersByProcess = new Map<object, number[]>();
  #lastPublisher = 0;
  #lastNode = 0;

  constructor(options: ClusterOptions = {}) {
    this.#options = options;
  }

  /** Starts a node, and resolves when it lets clients in. */
  async startNode(port = 0, broker: string | undefined = this.#options.brokerUrl): Promise<Node> {
    const { mistakes = [], lostFeed = 0, messages = 256 } = this.#options;
    const settings: NodeSettings = { brokerUrl: broker, mistakes, lostFeed, port, messages };
    const node: Node = new Callee<NodeProcedures>(
      `node ${this.#lastNode++}`,
      this.#pathOf('node'),
      settings,
      this.#onTold,
    );
    this.nodes.push(node);
    node.url = await node.ask('url', []);
    return node;
  }

  async startNodes(count: number): Promise<void> {
    await Promise.all(Array.from({ length: count }, () => this.startNode()));
  }

  /** Starts a process of clients that go to these nodes: by default to all there are. */
  async startClients(plan: ClientPlan, nodes: readonly Node[] = this.nodes): Promise<Clients> {
    const name = `clients ${this.clients.length}`;
    const clients = new Callee<ClientProcedures>(name, this.#pathOf('clients'), {}, this.#onTold);
    this.clients.push(clients);
    for (const topic of plan.topics) this.#topics.add(topic);
    await clients.ask('setUrls', [nodes.map(({ url }) => url!)]);
    await clients.ask('connect', [plan]);
    return clients;
  }

  /** Tells all clients where the nodes are that they may go to. */
  async setNodes(nodes: readonly Node[]): Promise<void> {
    const urls = nodes.map(({ url }) => url!);
    await Promise.all(this.livingClients.map((clients) => clients.ask('setUrls', [urls])));
  }

  /** Has the program of a node publish. Returns the number of the publisher. */
  async publishFrom(node: Node, plan: Partial<PublisherPlan> & Pick<PublisherPlan, 'topics'>): Promise<number> {
    const publisher = this.#newPublisher(node, plan.topics);
    await node.ask('publish', [{ perSecond: 100, inFlight: 256, padding: 100, ...plan, publisher }]);
    return publisher;
  }

  /** Has one of the clients publish. */
  async publishFromClient(
    clients: Clients,
    client: number,
    plan: Partial<PublisherPlan> & Pick<PublisherPlan, 'topics'>,
  ): Promise<number> {
    const publisher = this.#newPublisher(clients, plan.topics);
    const argument = { perSecond: 20, inFlight: 256, padding: 100, ...plan, publisher, client };
    await clients.ask('publish', [argument]);
    return publisher;
  }

  /** Kills a process of nodes or clients at once. What it published last is not known. */
  async kill(killed: Node | Clients): Promise<void> {
    for (const publisher of this.#publishersByProcess.get(killed) ?? []) this.#killedPublishers.add(publisher);
    await killed.kill();
  }

  get livingNodes(): Node[] {
    return living(this.nodes);
  }

  get livingClients(): Clients[] {
    return living(this.clients);
  }

  /** Asks all nodes what they hold, and notes the most. */
  async watchFigures(): Promise<NodeFigures[]> {
    const figures = await Promise.all(this.livingNodes.map((node) => node.ask('figures', [])));
    for (const { ringBytes, outboxWaiting, rssBytes } of figures) {
      this.peak.ringBytes = Math.max(this.peak.ringBytes, ringBytes);
      this.peak.outboxWaiting = Math.max(this.peak.outboxWaiting, outboxWaiting);
      this.peak.rssBytes = Math.max(this.peak.rssBytes, rssBytes);
    }
    return figures;
  }

  /** Ends all publishers, waits until everything has arrived, and has it judged. What comes next is another run. */
  async judge(
    findLost?: (publications: readonly Publication[]) => Promise<ReadonlySet<number>>,
    reachMs: number = REACH_MS,
  ): Promise<RunResult> {
    await this.stopPublishing();
    const late = await this.reach(reachMs);
    const lostByFailover = await findLost?.(this.publications);
    const reports = await Promise.all(this.livingClients.map((clients) => clients.ask('takeReports', [])));
    const subscribers = reports.flat();
    const publications = this.publications.splice(0);
    const killedPublishers = this.#killedPublishers;
    const run = { publications, subscribers: subscribers as readonly SubscriberRecord[], killedPublishers };
    const verdict = judge(lostByFailover === undefined ? run : { ...run, lostByFailover });
    return { ...verdict, subscribers, publications, late };
  }

  async stopPublishing(): Promise<void> {
    const processes: readonly Callee<Pick<NodeProcedures, 'stopPublishing'>>[] = [
      ...this.livingNodes,
      ...this.livingClients,
    ];
    await Promise.all(processes.map((each) => each.ask('stopPublishing', [], 130_000)));
  }

  /** Publishes a last message to each topic, and waits until all have seen it. Returns who has not. */
  async reach(timeoutMs = REACH_MS): Promise<string[]> {
    const [node] = this.livingNodes;
    const ids: Record<string, number> = {};
    for (const topic of this.#topics) {
      const publisher = this.#newPublisher(node!, []);
      ids[topic] = toId(publisher, 0);
      await node!.ask('publishOne', [{ id: ids[topic], topic }]);
    }
    await node!.ask('stopPublishing', []);
    const argument = { ids, timeoutMs };
    const late = await Promise.all(
      this.livingClients.map((clients) => clients.ask('reach', [argument], timeoutMs + 30_000)),
    );
    return late.flat();
  }

  /** Ends all processes. */
  async close(): Promise<void> {
    const processes = [...this.nodes, ...this.clients];
    for (const each of processes) each.signal('SIGCONT');
    await Promise.all(processes.map((each) => each.kill()));
  }

  #newPublisher(process: object, topics: readonly string[]): number {
    for (const topic of topics) this.#topics.add(topic);
    const publisher = ++this.#lastPublisher;
    this.#publishersByProcess.set(process, [...(this.#publishersByProcess.get(process) ?? []), publisher]);
    return publisher;
  }

  #pathOf(name: 'node' | 'clients'): string {
    return fileURLToPath((this.#options.programs ?? OWN_PROGRAMS)[name]);
  }

  readonly #onTold = (_told: string, value: unknown): void => {
    this.publications.push(...(value as Publication[]));
  };
}

function living<Each extends { readonly hasEnded: boolean }>(processes: readonly Each[]): Each[] {
  return processes.filter(({ hasEnded }) => !hasEnded);
}
