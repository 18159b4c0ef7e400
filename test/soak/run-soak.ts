import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { findGrowth } from '../helpers/growth.ts';
import { INVENTORY_OPTIONS, type Inventory } from '../helpers/inventory.ts';
import type { FaultName } from '../helpers/planted-faults.ts';
import { judgeConnection, type Records } from './judge.ts';
import { judgeMemory } from './memory.ts';
import { type EndingKind, planOf, ROUND_CONNECTIONS, type SideName } from './plan.ts';
import type { Memory, Order, Progress, Report } from './process-report.ts';
import type { SideRecord } from './talker.ts';

/** The size of a soak. */
export interface SoakOptions {
  readonly seconds: number;
  readonly connections: number;
  readonly seed: number;
  /** The mistake that both processes make for each connection that has ended, as a counter-check. */
  readonly fault?: FaultName | undefined;
}

/** The result of a soak. */
export interface SoakResult {
  /** All problems, each with its connection. Empty when nothing went wrong. */
  readonly problems: readonly string[];
  readonly endings: Readonly<Record<EndingKind, number>>;
  readonly compressed: number;
  readonly sent: number;
  readonly received: number;
  readonly receivedLength: number;
  /** Number of times that a sender had to wait for its peer. */
  readonly waits: number;
  /** Memory of each process after the first third and at the end; undefined when the soak was too short to compare. */
  readonly memory: Readonly<Record<SideName, readonly [Memory, Memory] | undefined>>;
}

const SIDES = ['server', 'client'] as const;
/** Time for open connections to end after the load, and for a process to exit. */
const WIND_DOWN_TIMEOUT_MS = 60_000;
const EXIT_TIMEOUT_MS = 15_000;
const MEASURE_TIMEOUT_MS = 60_000;
/** Time for a process to start, on a busy machine. */
const START_TIMEOUT_MS = 60_000;
const PROGRESS_INTERVAL_MS = 5000;
/** Shorter soaks do not compare memory, because a process still compiles its code in its first seconds. */
const MIN_COMPARED_SECONDS = 20;
const SAMPLES = 3;
/** Rounds of connections after the load, each with an inventory behind it. The first one is not compared. */
const ROUNDS = 5;
/** Time for the records of a round to arrive. */
const RECORDS_TIMEOUT_MS = 10_000;
const MAX_PROBLEMS = 50;

/** Runs a server process and a client process, and judges every connection. */
export async function runSoak(options: SoakOptions, print: (line: string) => void): Promise<SoakResult> {
  const soak = new Soak(options, print);
  try {
    return await soak.run();
  } finally {
    soak.kill();
  }
}

function median(memories: readonly Memory[]): Memory {
  return memories.toSorted((a, b) => a.usedBytes - b.usedBytes)[Math.floor(memories.length / 2)] as Memory;
}

class Soak {
  readonly #options: SoakOptions;
  readonly #print: (line: string) => void;
  readonly #children = new Map<SideName, Child>();
  readonly #records = new Map<number, Partial<Records>>();
  readonly #problems: string[] = [];
  readonly #endings = { agreed: 0, early: 0, both: 0, reset: 0 };
  #compressed = 0;
  #sent = 0;
  #received = 0;
  #receivedLength = 0;
  #waits = 0;

  constructor(options: SoakOptions, print: (line: string) => void) {
    this.#options = options;
    this.#print = print;
  }

  async run(): Promise<SoakResult> {
    const { seconds, connections, seed, fault } = this.#options;
    const faults = fault === undefined ? [] : [fault];
    const pauseMs = Math.min(8000, seconds * 100);

    const server = this.#start('server', [seed, pauseMs, ...faults]);
    const { ports } = await server.next('ready', START_TIMEOUT_MS);
    const client = this.#start('client', [seed, pauseMs, connections, ...ports, ...faults]);
    await client.next('ready', START_TIMEOUT_MS);
    const startMs = performance.now();
    const untilPart = (part: number): Promise<void> =>
      sleep(Math.max(0, seconds * 1000 * part - (performance.now() - startMs)));
    const progress = setInterval(() => this.#printProgress((performance.now() - startMs) / 1000), PROGRESS_INTERVAL_MS);
    try {
      await untilPart(1 / 3);
      const before = await this.#measure();
      await untilPart(1);
      const after = await this.#measure();
      await this.#windDown(client, server);
      await this.#compareRounds(client, server);
      await this.#end(client, server);
      return this.#judge(before, after);
    } finally {
      clearInterval(progress);
    }
  }

  /** Kills the processes that still run after a failure. */
  kill(): void {
    for (const child of this.#children.values()) child.kill();
  }

  #start(side: SideName, args: readonly (number | string)[]): Child {
    const child = new Child(side, args, (record) => this.#onRecord(record));
    this.#children.set(side, child);
    return child;
  }

  async #measure(): Promise<Record<SideName, Memory> | undefined> {
    if (this.#options.seconds < MIN_COMPARED_SECONDS) return undefined;
    const samples: Record<SideName, Memory[]> = { server: [], client: [] };
    for (let i = 0; i < SAMPLES; i++) {
      for (const [side, child] of this.#children) {
        child.order('measure');
        samples[side].push((await child.next('memory', MEASURE_TIMEOUT_MS)).memory);
      }
      await sleep(500);
    }
    return { server: median(samples.server), client: median(samples.client) };
  }

  async #windDown(client: Child, server: Child): Promise<void> {
    client.order('hurry');
    server.order('hurry');
    await client.next('idle', WIND_DOWN_TIMEOUT_MS).catch((error: Error) => this.#onProblem(error.message));
  }

  /** Lets rounds of the same connections come and go, and compares what the processes hold after each. */
  async #compareRounds(client: Child, server: Child): Promise<void> {
    const inventories: Record<SideName, Inventory[]> = { server: [], client: [] };
    try {
      for (let round = 0; round < ROUNDS; round++) {
        client.order('round');
        await client.next('idle', WIND_DOWN_TIMEOUT_MS);
        for (let waitedMs = 0; waitedMs < RECORDS_TIMEOUT_MS && this.#records.size > 0; waitedMs += 10) await sleep(10);
        for (const child of [client, server]) child.order('count');
        for (const child of [client, server]) {
          const { inventory } = await child.next('inventory', MEASURE_TIMEOUT_MS);
          // The first round may make things that stay, such as code that no connection has needed before.
          if (round > 0) inventories[child.side].push(inventory);
        }
      }
    } catch (error) {
      this.#onProblem((error as Error).message);
      return;
    }
    for (const side of SIDES) {
      for (const problem of findGrowth(inventories[side], ROUND_CONNECTIONS)) {
        this.#onProblem(`the ${side}: ${problem}`);
      }
    }
  }

  async #end(client: Child, server: Child): Promise<void> {
    for (const child of [client, server]) {
      try {
        child.order('end');
        const { left } = await child.next('left', WIND_DOWN_TIMEOUT_MS);
        if (left.length > 0) this.#onProblem(`the ${child.side} leaves behind: ${left.join(', ')}`);
        await child.exit(EXIT_TIMEOUT_MS);
      } catch (error) {
        this.#onProblem((error as Error).message);
      }
    }
  }

  #onRecord(record: SideRecord): void {
    const records = { ...this.#records.get(record.id), [record.side]: record };
    const { client, server } = records;
    if (client === undefined || server === undefined) {
      this.#records.set(record.id, records);
      return;
    }
    this.#records.delete(record.id);
    const plan = planOf(this.#options.seed, record.id);
    for (const problem of judgeConnection(plan, { client, server })) {
      this.#onProblem(`connection ${record.id} (${plan.ending}, ${plan.dataType}): ${problem}`);
    }
    this.#endings[plan.ending]++;
    if (plan.compression !== false) this.#compressed++;
    this.#sent += client.sent + server.sent;
    this.#received += client.received + server.received;
    this.#receivedLength += client.receivedLength + server.receivedLength;
    this.#waits += client.waits + server.waits;
  }

  #onProblem(problem: string): void {
    if (this.#problems.length === MAX_PROBLEMS) return;
    this.#problems.push(problem);
    this.#print(`PROBLEM ${problem}`);
  }

  #judge(before: Record<SideName, Memory> | undefined, after: Record<SideName, Memory> | undefined): SoakResult {
    if (this.#received === 0) this.#onProblem('no message arrived');
    for (const [id, records] of this.#records) {
      const [side] = Object.keys(records) as [SideName];
      this.#onProblem(`connection ${id}: ended at the ${side} only`);
    }
    const memory: Record<SideName, readonly [Memory, Memory] | undefined> = { server: undefined, client: undefined };
    if (before !== undefined && after !== undefined) {
      for (const side of SIDES) {
        memory[side] = [before[side], after[side]];
        const problem = judgeMemory(before[side], after[side]);
        if (problem !== undefined) this.#onProblem(`the ${side}: ${problem}`);
      }
    }
    return {
      problems: this.#problems,
      endings: this.#endings,
      compressed: this.#compressed,
      sent: this.#sent,
      received: this.#received,
      receivedLength: this.#receivedLength,
      waits: this.#waits,
      memory,
    };
  }

  #printProgress(seconds: number): void {
    const progress = SIDES.map((side) => this.#children.get(side)?.progress).filter((each) => each !== undefined);
    const sum = (of: (each: Progress) => number): number => progress.reduce((total, each) => total + of(each), 0);
    const ended = Object.values(this.#endings).reduce((a, b) => a + b, 0);
    const open = this.#children.get('client')?.progress?.open ?? 0;
    this.#print(
      `${seconds.toFixed(0).padStart(5)} s  ${open} open  ${ended} ended  ` +
        `${sum(({ messages }) => messages)} messages  ${(sum(({ bytes }) => bytes) / 1e6).toFixed(0)} MB  ` +
        `${this.#problems.length} problems`,
    );
  }
}

type ReportOf<Name extends Report['report']> = Extract<Report, { report: Name }>;

/** One of the two processes. */
class Child {
  readonly side: SideName;
  progress: Progress | undefined;
  readonly #process: ChildProcess;
  readonly #reports: Report[] = [];
  #hasExited = false;
  #wake: (() => void) | undefined;

  constructor(side: SideName, args: readonly (number | string)[], onRecord: (record: SideRecord) => void) {
    this.side = side;
    this.#process = fork(fileURLToPath(new URL(`${side}-process.ts`, import.meta.url)), args.map(String), {
      execArgv: [...INVENTORY_OPTIONS, '--import', 'tsx'],
    });
    this.#process.on('message', (report: Report) => {
      if (report.report === 'record') onRecord(report.record);
      else if (report.report === 'progress') this.progress = report.progress;
      else {
        this.#reports.push(report);
        this.#wake?.();
      }
    });
    this.#process.on('exit', () => {
      this.#hasExited = true;
      this.#wake?.();
    });
  }

  order(order: Order['order']): void {
    if (this.#process.connected) this.#process.send({ order });
  }

  /** Waits for the next report of one kind. */
  async next<Name extends Report['report']>(name: Name, timeoutMs: number): Promise<ReportOf<Name>> {
    const hasReport = (): boolean => this.#reports.some(({ report }) => report === name);
    await this.#until(() => hasReport() || this.#hasExited, timeoutMs);
    const index = this.#reports.findIndex(({ report }) => report === name);
    if (index < 0) {
      const why = this.#hasExited
        ? `has exited (${this.#process.exitCode ?? this.#process.signalCode})`
        : `waited ${timeoutMs} ms`;
      throw new Error(`the ${this.side} did not report "${name}": it ${why}`);
    }
    return this.#reports.splice(index, 1)[0] as ReportOf<Name>;
  }

  /** Waits until the process has exited by itself. */
  async exit(timeoutMs: number): Promise<void> {
    await this.#until(() => this.#hasExited, timeoutMs);
    if (!this.#hasExited) throw new Error(`the ${this.side} does not exit by itself within ${timeoutMs} ms`);
    if (this.#process.exitCode !== 0) {
      throw new Error(`the ${this.side} has exited with ${this.#process.exitCode ?? this.#process.signalCode}`);
    }
  }

  kill(): void {
    if (!this.#hasExited) this.#process.kill('SIGKILL');
  }

  async #until(isTrue: () => boolean, timeoutMs: number): Promise<void> {
    const timeout = AbortSignal.timeout(timeoutMs);
    while (!isTrue() && !timeout.aborted) {
      const woken = new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
      await Promise.race([woken, once(timeout, 'abort')]);
    }
  }
}
