import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { arch, cpus, platform, release, totalmem } from 'node:os';
import type { Processors } from '../benchmark.ts';

/** What a run was measured on. */
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
 * Two processors to pin the subject and the load to; undefined where there are no two, or no taskset (util-linux).
 *
 * @remarks The first and the last: on machines with more than one core these never share a core.
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
