import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { arch, cpus, platform, release, totalmem } from 'node:os';
import type { Processors } from '../benchmark.ts';

/** The machine of a run. */
export interface Machine {
  readonly processor: string;
  readonly processors: number;
  readonly memoryGiB: number;
  readonly system: string;
  readonly node: string;
  readonly v8: string;
}

export function describeMachine(): Machine {
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
export function findProcessors(): Processors | undefined {
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
