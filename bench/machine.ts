import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { arch, cpus, platform, release, totalmem } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Settings } from './benchmark.ts';

/** Other programs that use at least this share of one processor spoil a measurement. */
export const DISTURBED = 0.15;

const LOOK_MS = 500;
const MAX_WAIT_MS = 120_000;

export function describeMachine(): Readonly<Record<string, string | number>> {
  return {
    processor: cpus()[0]?.model.trim() ?? 'unknown',
    processors: cpus().length,
    memoryGiB: Math.round(totalmem() / 2 ** 30),
    system: `${platform()} ${release()} ${arch()}`,
    node: process.versions.node,
    v8: process.versions.v8,
  };
}

/**
 * Finds two processors to pin the subject and the load to; undefined without two processors or taskset (util-linux).
 *
 * @remarks The result is the first and the last processor: on machines with several cores these never share a core.
 */
export function findProcessors(): Settings['processors'] {
  try {
    execFileSync('taskset', ['--version'], { stdio: 'ignore' });
    const allowed = /^Cpus_allowed_list:\s*(\S+)$/m.exec(readFileSync('/proc/self/status', 'latin1'))?.[1] ?? '';
    const numbers = allowed.match(/\d+/g)?.map(Number) ?? [];
    const [load, subject] = [Math.min(...numbers), Math.max(...numbers)];
    return numbers.length > 0 && subject > load ? { subject, load } : undefined;
  } catch {
    return undefined;
  }
}

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
