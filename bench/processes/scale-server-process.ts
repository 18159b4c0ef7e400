import { type IntervalHistogram, monitorEventLoopDelay } from 'node:perf_hooks';
import { setTimeout as sleep } from 'node:timers/promises';
import { clockMs } from '../scale/clock.ts';
import type { ScalePeer, ScaleServer } from '../scale/scale-server.ts';
import { answerCalls } from './answer-calls.ts';
import { startProfile, stopProfile } from './profile.ts';
import type { ScaleServerCalls } from './scale-calls.ts';
import { usage } from './usage.ts';

const SERVERS: Readonly<Record<ScalePeer, () => Promise<{ readonly createServer: () => ScaleServer }>>> = {
  '4d-websocket': () => import('../scale/library-server.ts'),
  ws: () => import('../scale/ws-server.ts'),
};

const RESOLUTION_MS = 1;

let server: ScaleServer | undefined;
let histogram: IntervalHistogram | undefined;

function delayOf(nanoseconds = 0): number {
  return Math.max(0, nanoseconds / 1e6 - RESOLUTION_MS);
}

function running(): ScaleServer {
  if (server === undefined) throw new Error('no server runs');
  return server;
}

const calls: ScaleServerCalls = {
  usage,
  startProfile,
  stopProfile,
  async start(peer) {
    server = (await SERVERS[peer]()).createServer();
    const { version, notes, ways } = server;
    return { version, notes, ways, port: await server.listen() };
  },
  async connectionCount() {
    return running().connectionCount();
  },
  async sendToAll({ text, way }) {
    const beganAtMs = clockMs();
    running().sendToAll(text, way);
    return beganAtMs;
  },
  async watchLoop() {
    histogram = monitorEventLoopDelay({ resolution: RESOLUTION_MS });
    histogram.enable();
    // The histogram measures from one tick to the next, so the work to measure must not begin before the first tick.
    await sleep(20 * RESOLUTION_MS);
  },
  async loopDelay() {
    histogram?.disable();
    return {
      p50: delayOf(histogram?.percentile(50)),
      p99: delayOf(histogram?.percentile(99)),
      max: delayOf(histogram?.max),
    };
  },
};

answerCalls(calls);
