import { setTimeout as sleep } from 'node:timers/promises';
import { Remote } from '../../../tools/remote.ts';
import { findGrowth } from '../../helpers/growth.ts';
import { INVENTORY_OPTIONS, type Inventory } from '../../helpers/inventory.ts';
import type { FaultName } from '../../helpers/planted-faults.ts';
import type { Attack, Bound } from '../attack.ts';
import { READ_BUFFER_BYTES } from '../bounds.ts';
import { type CrowdTask, STILL_THERE } from '../hostile/hostile-crowd.ts';
import { type Limits, limitsOf } from '../limits.ts';
import type { AttackStep, Held, HonestCalls, HostileCalls, ServerCalls } from '../processes/calls.ts';
import type { Height, Outcome } from './outcome.ts';

/** The plan of a run. */
export interface AttackPlan {
  readonly pressMs: number;
  readonly honestClients: number;
  /** Limits that are switched off. */
  readonly without: readonly string[];
  /** The mistake that the server makes for each connection that ends, as a counter-check. */
  readonly fault?: FaultName | undefined;
}

/** Longest time in which honest clients are alone, for the comparison. */
const MAX_BEFORE_MS = 1000;
/** For each such time of an attack the warm-up has one round of connections. */
const WARM_UP_ROUND_MS = 500;
/** Time for the messages that a measurement delayed. */
const AFTER_MEASURING_MS = 100;
/** Time for the server to close all sockets: longer than any of its deadlines. */
const LEAVING_PATIENCE_MS = 15_000;
/** Time for the sockets of honest clients, when hostile peers are known to be left. */
const HONEST_PATIENCE_MS = 500;
/** Longest duration of a flood when the attack is repeated. */
const REPEATED_PRESS_MS = 300;

/** Measurements are repeated while the memory grows, because a server that is behind with reading holds ever more. */
const MAX_MEASUREMENTS = 20;
const GROWTH_BYTES = 1_048_576;

/** Linux has all of 127.0.0.0/8. On other systems hostile peers share the one address with the honest clients. */
const HOSTILE_ADDRESS = process.platform === 'linux' ? '127.0.0.2' : '127.0.0.1';

const program = (name: string): URL => new URL(`../processes/${name}-process.ts`, import.meta.url);
const options = { execArgv: [...INVENTORY_OPTIONS, '--import', 'tsx'] };

/** Measures until the memory does not grow any more. */
async function measureHighest(measure: () => Promise<Held>): Promise<Held> {
  let highest = await measure();
  for (let i = 1; i < MAX_MEASUREMENTS; i++) {
    const { residentBytes, usedBytes, openFiles } = await measure();
    const grown = Math.max(residentBytes - highest.residentBytes, usedBytes - highest.usedBytes);
    highest = {
      residentBytes: Math.max(residentBytes, highest.residentBytes),
      usedBytes: Math.max(usedBytes, highest.usedBytes),
      openFiles: Math.max(openFiles, highest.openFiles),
    };
    if (grown < GROWTH_BYTES) break;
  }
  return highest;
}

function boundOf(attack: Attack, limits: Limits, { peers, isBusy }: { peers: number; isBusy: boolean }): Bound {
  const { bytes, formula } = attack.bound(limits, peers);
  return isBusy ? { bytes: bytes + READ_BUFFER_BYTES, formula: `${formula} + read buffer` } : { bytes, formula };
}

/** Repeats an attack that is over, without honest clients, and finds what the server keeps of the peers. */
async function repeat(
  server: Remote<ServerCalls>,
  hostile: Remote<HostileCalls>,
  task: CrowdTask & { readonly name: string },
): Promise<string[]> {
  const before: Inventory = await server.ask('count', null);
  const pressMs = Math.min(task.pressMs, REPEATED_PRESS_MS);
  let step: AttackStep = await hostile.ask('begin', { ...task, pressMs });
  while (step.state === 'height') step = await hostile.ask('goOn', null);
  await server.ask('left', LEAVING_PATIENCE_MS);
  return findGrowth([before, await server.ask('count', null)], step.report.peers);
}

/**
 * Runs one attack: a server, honest clients and hostile peers, each in a fresh process.
 *
 * @throws Error when one of the processes ended
 */
export async function runAttack(
  attack: Attack,
  { pressMs, honestClients, without, fault }: AttackPlan,
): Promise<Outcome> {
  const server = new Remote<ServerCalls>(program('server'), options);
  const honest = new Remote<HonestCalls>(program('honest'), options);
  const hostile = new Remote<HostileCalls>(program('hostile'), options);
  try {
    const limits = limitsOf(attack.settings);
    const { settings, web = {}, endsServers } = attack;
    const port = await server.ask('start', { settings, web, without, fault, endsServers });
    const target = { port, localAddress: HOSTILE_ADDRESS };
    await honest.ask('start', { port, clients: honestClients });
    await honest.ask('enter', 'measuring');
    await hostile.ask('warmUp', { ...target, rounds: Math.ceil(pressMs / WARM_UP_ROUND_MS) });
    await honest.ask('enter', 'before');
    await sleep(Math.min(pressMs, MAX_BEFORE_MS));

    const measure = async (): Promise<Held> => {
      await honest.ask('enter', 'measuring');
      const held = await server.ask('measure', null);
      await sleep(AFTER_MEASURING_MS);
      await honest.ask('enter', 'during');
      return held;
    };
    const before = await measure();
    const heights: Height[] = [];
    const { name, peers, patienceMs } = attack;
    const task = { ...target, name, limits, peers, pressMs, patienceMs };
    let step: AttackStep = await hostile.ask('begin', task);
    while (step.state === 'height') {
      const { residentBytes, usedBytes, openFiles } = step.isBusy ? await measure() : await measureHighest(measure);
      // Neither figure is enough alone: unwritten buffers have no resident memory, and V8 does not count all memory.
      const heldBytes = Math.max(residentBytes - before.residentBytes, usedBytes - before.usedBytes, 0);
      heights.push({ peers: step.peers, heldBytes, openFiles, bound: boundOf(attack, limits, step) });
      step = await hostile.ask('goOn', null);
    }
    const honestReport = await honest.ask('stop', null);
    const isAllOver = step.report.endings[STILL_THERE] === undefined;
    const left = await server.ask('left', isAllOver ? LEAVING_PATIENCE_MS : HONEST_PATIENCE_MS);
    const kept = left.sockets === 0 ? await repeat(server, hostile, task) : [];
    return { heights, hostile: step.report, honest: honestReport, left, kept };
  } finally {
    await Promise.all([hostile.stop(), honest.stop()]);
    await server.stop();
  }
}
