import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { arch, cpus, platform, release, totalmem } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Settings } from './benchmark.ts';

/** Other programs that use at least this share of one processor spoil a measurement. */
export const DISTURBED = 0.15;

const LOOK_MS = 500;
const MAX_WAIT_MS = 120_000;

export function describeMachine(): Readonly<Record<string, string>> {
  return {
    processor: cpus()[0]?.model.trim() ?? 'unknown',
    processors: `${cpus().length} processors`,
    memory: `${Math.round(totalmem() / 2 ** 30)} GiB`,
    system: `${platform()} ${release()} ${arch()}`,
    node: `Node ${process.versions.node}`,
  };
}

/** Finds the first and the last processor, which never share a core; undefined without two, or without taskset. */
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

export function machineCpuMs(): number {
  return cpus().reduce((sum, { times }) => sum + times.user + times.nice + times.sys, 0);
}

export async function waitForQuiet(): Promise<void> {
  for (let waitedMs = 0; waitedMs < MAX_WAIT_MS; waitedMs += LOOK_MS) {
    const before = machineCpuMs();
    await sleep(LOOK_MS);
    if (machineCpuMs() - before < LOOK_MS * DISTURBED) return;
  }
}
