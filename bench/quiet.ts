import { cpus } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';

/** Other programs that use at least this share of one processor spoil a measurement. */
export const DISTURBED = 0.15;

const LOOK_MS = 500;
const MAX_WAIT_MS = 120_000;

/** Returns the processor time that the whole machine has used, in milliseconds. */
export function machineCpuMs(): number {
  return cpus().reduce((sum, { times }) => sum + times.user + times.nice + times.sys, 0);
}

/** Waits until other programs hardly use the processors, at most MAX_WAIT_MS. */
export async function waitForQuiet(): Promise<void> {
  for (let waitedMs = 0; waitedMs < MAX_WAIT_MS; waitedMs += LOOK_MS) {
    const before = machineCpuMs();
    await sleep(LOOK_MS);
    if (machineCpuMs() - before < LOOK_MS * DISTURBED) return;
  }
}
