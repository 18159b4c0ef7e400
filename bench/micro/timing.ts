import { median } from '../report/statistics.ts';
import type { MicroCase } from './micro-case.ts';

/** Least time of one measurement. */
const ROUND_MS = 20;
const ROUNDS = 25;

export interface Timing {
  /** Time of one operation: the median of the rounds. */
  readonly nanoseconds: number;
  /** Half the distance between the quartiles, as a share of the median. */
  readonly spread: number;
  /** Nanoseconds of each round. */
  readonly rounds: readonly number[];
}

/** Times several cases in turns, so that a disturbance of the machine affects all of them. */
export async function timeInTurns(cases: readonly MicroCase[]): Promise<readonly Timing[]> {
  const times: number[] = [];
  for (const each of cases) times.push(await calibrate(each));
  const rounds: number[][] = cases.map(() => []);
  for (let round = 0; round < ROUNDS; round++) {
    for (const [i, each] of cases.entries()) {
      const count = times[i] ?? 1;
      rounds[i]?.push(((await millisecondsOf(each, count)) * 1e6) / count / (each.operationsAtOnce ?? 1));
    }
  }
  return rounds.map(summarize);
}

/** Finds the number of operations of a round. V8 compiles the code meanwhile. */
async function calibrate(microCase: MicroCase): Promise<number> {
  let times = 1;
  while ((await millisecondsOf(microCase, times)) < ROUND_MS) times *= 2;
  return times;
}

/** Returns processor time of all threads, which other programs disturb less than wall-clock time. */
async function millisecondsOf({ run }: MicroCase, times: number): Promise<number> {
  const before = process.cpuUsage();
  await run(times);
  const { user, system } = process.cpuUsage(before);
  return (user + system) / 1000;
}

function summarize(rounds: readonly number[]): Timing {
  const sorted = rounds.toSorted((left, right) => left - right);
  const middle = median(sorted);
  const lower = sorted[Math.floor(sorted.length / 4)] ?? middle;
  const upper = sorted[Math.floor((sorted.length * 3) / 4)] ?? middle;
  return { nanoseconds: middle, spread: (upper - lower) / 2 / middle, rounds };
}
