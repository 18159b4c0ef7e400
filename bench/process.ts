/** A process with one end of a measurement: a server, or the clients of one. */
import { performance } from 'node:perf_hooks';
import { setTimeout as sleep } from 'node:timers/promises';
import { answerCalls } from '../tools/answer-calls.ts';
import { clientOpener } from './load/clients.ts';
import { type Exchange, Load } from './load/load.ts';
import { type PacedExchange, type Pacing, type Quantiles, quantilesOf } from './load/pace.ts';
import { type OpenPlan, rawOpener } from './load/raw.ts';
import { TopicLoad, type TopicPlan } from './load/topics.ts';
import type { Peer, RunningPeer, Workload } from './peers/peer.ts';

export type Usage = Readonly<Record<'cpuMicros' | 'rssBytes' | 'heapBytes' | 'peakBytes', number>>;

type PeerModule = Promise<{ createPeer(peer: Peer): RunningPeer | Promise<RunningPeer> }>;

const PEERS: Readonly<Record<Peer['file'], () => PeerModule>> = {
  library: () => import('./peers/library.ts'),
  ws: () => import('./peers/ws.ts'),
  undici: () => import('./peers/undici.ts'),
  uwebsockets: () => import('./peers/uwebsockets.ts'),
  socketio: () => import('./peers/socketio.ts'),
  bare: () => import('./peers/bare.ts'),
};

async function run(peer: Peer): Promise<RunningPeer> {
  return (await PEERS[peer.file]()).createPeer(peer);
}

const load = new Load();
const topics = new TopicLoad(load);
let server: RunningPeer | undefined;

const calls = {
  /** The functions of the peer stay here: messages between processes have only data. */
  describe: (peer: Peer): Promise<RunningPeer> => run(peer),
  async serve({ peer, workload }: { readonly peer: Peer; readonly workload: Workload }): Promise<number> {
    server = await run(peer);
    return (await server.serve?.(workload)) ?? 0;
  },
  /** Publishes in so many topics, one after the other. Returns how long each took, in µs. */
  async publish({ from, count }: { readonly from: number; readonly count: number }): Promise<Quantiles> {
    const micros = new Float64Array(count);
    for (let i = 0; i < micros.length; i++) {
      const beganAt = performance.now();
      await server?.publish?.(`idle/${from + i}`);
      micros[i] = performance.now() - beganAt;
    }
    return quantilesOf(micros, 1000);
  },
  async open({ peer, plan }: { readonly peer: Peer; readonly plan: OpenPlan }): Promise<Exchange> {
    const before = load.links.length;
    const opened = await load.open(
      plan.connections,
      peer.file === 'bare' ? rawOpener(load, plan) : clientOpener(load, await run(peer), plan),
    );
    if (plan.sendsToAll === true) load.sender = load.links[0];
    if (plan.checksAnswers === true) await load.run(0, 1, load.links.slice(before));
    return opened;
  },
  run: ({ durationMs, burst }: { readonly durationMs: number; readonly burst: number }): Promise<Exchange> =>
    load.run(durationMs, burst),
  pace: (pacing: Pacing): Promise<PacedExchange> => load.pace(pacing),
  verify: (): Promise<void> => load.verify(),
  openTopics: (plan: TopicPlan): Promise<Exchange> => topics.open(plan),
  stall: (task: Parameters<TopicLoad['stall']>[0]): Promise<void> => topics.stall(task),
  catchUp: (readers: number): Promise<number> => topics.catchUp(readers),
  comeBack: (count: number): Promise<number> => topics.comeBack(count),
  /** @param afterGc - whether to collect garbage first: twice, because finalizers free more memory */
  async usage(afterGc: boolean): Promise<Usage> {
    for (const _ of afterGc ? [1, 2] : []) {
      globalThis.gc?.();
      await sleep(200);
    }
    const { user, system } = process.cpuUsage();
    const { rss, heapUsed } = process.memoryUsage();
    const peakBytes = process.resourceUsage().maxRSS * 1024;
    return { cpuMicros: user + system, rssBytes: rss, heapBytes: heapUsed, peakBytes };
  },
};

export type Calls = typeof calls;

answerCalls(calls, () => load.close());
