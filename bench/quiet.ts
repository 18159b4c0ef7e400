import { cpus } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';

/** From this share of one processor on, what other programs do spoils a measurement. */
export const DISTURBED = 0.15;

const LOOK_MS = 500;
const MAX_WAIT_MS = 120_000;

/** Milliseconds of processor time that the whole machine has used. */
export function machineCpuMs(): number {
  return cpus().reduce((sum, { times }) => sum + times.user + times.nice + times.sys, 0);
}

/** Waits until other programs leave the processors alone, but not forever. */
export async function waitForQuiet(): Promise<void> {
  for (let waitedMs = 0; waitedMs < MAX_WAIT_MS; waitedMs += LOOK_MS) {
    const before = machineCpuMs();
    await sleep(LOOK_MS);
    if (machineCpuMs() - before < LOOK_MS * DISTURBED) return;
  }
}
