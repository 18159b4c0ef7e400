import type { World } from './world.ts';

const TICK_MS = 10;
const PEAK_MS = 100;
/** Measured: clients that a node lets in and serves what they missed, and the limit of subscriptions that resume. */
const CONNECTIONS_PER_SECOND = 3700;
const RESUMES_PER_SECOND = 5000;

/**
 * When a client comes back, in milliseconds from the loss of the connections on.
 *
 * @param client - number of the client on its node
 */
export type ComingBack = (random: () => number, client: number) => number;

/** What the nodes of a region see when all of its clients come back to them. */
export interface Storm {
  /** Most clients that come to one node within a tenth of a second. */
  readonly peak: number;
  /** Most clients that wait for one node at a time. */
  readonly mostWaiting: number;
  /** Seconds until half of the subscriptions, and all of them, are live again. */
  readonly halfLiveSeconds: number;
  readonly allLiveSeconds: number;
}

/**
 * Lets the clients of the first region come back to it, in steps of 10 ms.
 *
 * @param nodes - of the region that are there
 */
export function comeBack({ settings, random }: World, nodes: number, when: ComingBack): Storm {
  const { clients, regions, topicsPerClient } = settings;
  const arrivals: number[][] = Array.from({ length: nodes }, () => []);
  for (let client = 0; client < Math.floor(clients / regions); client++) {
    const ofNode = arrivals[client % nodes];
    ofNode?.push(when(random, ofNode.length));
  }
  const served = arrivals.map((times) => serveNode(times, topicsPerClient));
  const liveTimes = Float64Array.from(served.flatMap(({ live }) => live)).toSorted();
  return {
    peak: Math.max(...arrivals.map(peakOf)),
    mostWaiting: Math.max(...served.map(({ mostWaiting }) => mostWaiting)),
    halfLiveSeconds: (liveTimes[liveTimes.length >> 1] as number) / 1000,
    allLiveSeconds: (liveTimes.at(-1) as number) / 1000,
  };
}

/** Serves the clients of one node in order of arrival: each takes its part of the CPU, and each subscription its turn. */
function serveNode(arrivals: readonly number[], topicsPerClient: number): { live: number[]; mostWaiting: number } {
  const perTick = (CONNECTIONS_PER_SECOND * TICK_MS) / 1000;
  const resumesPerTick = (RESUMES_PER_SECOND * TICK_MS) / 1000;
  const times = arrivals.toSorted((one, other) => one - other);
  const live: number[] = [];
  let [arrived, letIn, connections, resumes, mostWaiting] = [0, 0, 0, 0, 0];
  for (let now = 0; live.length < times.length * topicsPerClient; now += TICK_MS) {
    while (arrived < times.length && (times[arrived] as number) <= now) arrived++;
    // What a node does not need it cannot keep for later.
    connections = Math.min(connections + perTick, arrived);
    letIn = Math.floor(connections);
    resumes = Math.min(resumes + resumesPerTick, letIn * topicsPerClient);
    while (live.length < Math.floor(resumes)) live.push(now);
    mostWaiting = Math.max(mostWaiting, arrived - letIn);
  }
  return { live, mostWaiting };
}

function peakOf(arrivals: readonly number[]): number {
  const times = arrivals.toSorted((one, other) => one - other);
  let peak = 0;
  let first = 0;
  for (const [last, time] of times.entries()) {
    while ((times[first] as number) <= time - PEAK_MS) first++;
    peak = Math.max(peak, last - first + 1);
  }
  return peak;
}
