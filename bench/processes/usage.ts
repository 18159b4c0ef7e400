import { setTimeout as sleep } from 'node:timers/promises';
import type { Usage } from './calls.ts';

/** What this process has used since it began, and holds. */
export async function usage(afterGc: boolean): Promise<Usage> {
  if (afterGc) await settleMemory();
  const { user, system } = process.cpuUsage();
  const { rss, heapUsed } = process.memoryUsage();
  return { cpuMicros: user + system, rssBytes: rss, heapBytes: heapUsed };
}

/** Twice, because the first collection runs finalizers that free more. */
async function settleMemory(): Promise<void> {
  for (let i = 0; i < 2; i++) {
    globalThis.gc?.();
    await sleep(200);
  }
}
