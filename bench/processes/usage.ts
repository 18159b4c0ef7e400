import { setTimeout as sleep } from 'node:timers/promises';
import type { Usage } from './calls.ts';

/** Returns the processor time of this process since its start, and its current memory. */
export async function usage(afterGc: boolean): Promise<Usage> {
  if (afterGc) await settleMemory();
  const { user, system } = process.cpuUsage();
  const { rss, heapUsed } = process.memoryUsage();
  return { cpuMicros: user + system, rssBytes: rss, heapBytes: heapUsed };
}

/** Collects garbage twice, because the first collection runs finalizers that free more memory. */
async function settleMemory(): Promise<void> {
  for (let i = 0; i < 2; i++) {
    globalThis.gc?.();
    await sleep(200);
  }
}
