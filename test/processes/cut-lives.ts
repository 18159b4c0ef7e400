/**
 * Begins every life of `test/integration/lives/`, cuts it in each way at each of its moments, and looks for what is left.
 * Sends its parent a report on each group of lives.
 */
import { timers } from '../../src/base/timers.ts';
import { partialMessageBudget } from '../../src/protocol/partial-message-budget.ts';
import { findGrowth } from '../helpers/growth.ts';
import { takeInventory } from '../helpers/inventory.ts';
import { startClientWorld } from '../integration/lives/client-lives.ts';
import { type Life, turn } from '../integration/lives/life.ts';
import { startServerWorld } from '../integration/lives/server-lives.ts';
import { startTopicWorld } from '../integration/lives/topic-lives.ts';

/** How often a life was begun and cut, and how often a connection had opened before. */
export interface CutCounts {
  cuts: number;
  opened: number;
}

/** What became of the lives of one group. */
export interface LifeReport {
  readonly group: string;
  readonly counts: Readonly<Record<string, CutCounts>>;
  readonly problems: readonly string[];
}

/** Time for sockets to close, on a busy machine. */
const PATIENCE_MS = 5000;
/** Before inventories are compared, each life is cut at every fifth of its moments. */
const REHEARSAL_STEP = 5;
/** Each problem takes the time of the patience. */
const MAX_PROBLEMS = 2;
/** What grows is compared again, because a few things are made only once. */
const MAX_ROUNDS = 3;

let openedCount = 0;
const onOpen = (): void => void openedCount++;
const worlds = [await startServerWorld(onOpen), await startClientWorld(onOpen), await startTopicWorld(onOpen)];

function countAll(): Readonly<Record<string, number>> {
  const resources = process.getActiveResourcesInfo();
  return {
    sockets: resources.filter((name) => /^(?:TCPSocket|TLS|Pipe)Wrap$/.test(name)).length,
    'ticks with deadlines': timers.pendingTicks,
    'bytes of unfinished messages': partialMessageBudget.heldBytes,
    ...Object.assign({}, ...worlds.map((world) => world.countLeft())),
  };
}

/** What was there before the first life, and what lives that were judged have left. */
let before = countAll();

function findLeft(): string[] {
  return Object.entries(countAll())
    .map(([name, count]) => [name, count - (before[name] as number)] as const)
    .filter(([, count]) => count > 0)
    .map(([name, count]) => `${count} ${name}`);
}

/** Cuts a life in each way at each `step`th moment, until something is left. Returns what that is. */
async function cutLife(life: Life, step: number, counts: CutCounts): Promise<string | undefined> {
  for (const cut of life.cuts) {
    for (let moment = 0; moment <= life.moments; moment += step) {
      openedCount = 0;
      const begun = await life.begin(cut);
      await life.waitFor(moment);
      begun.cut();
      await begun.end();
      counts.cuts++;
      if (openedCount > 0) counts.opened++;
      const untilMs = performance.now() + PATIENCE_MS;
      while (findLeft().length > 0 && performance.now() < untilMs) await turn();
      const left = findLeft();
      before = countAll();
      if (left.length > 0) return `${life.name}: ${cut} at moment ${moment} leaves ${left.join(', ')}`;
    }
  }
  return undefined;
}

/** Cuts all lives of a group. Adds what one of them has left to `problems`. */
async function cutGroup(lives: readonly Life[], step: number, problems: string[]): Promise<Record<string, CutCounts>> {
  const counts: Record<string, CutCounts> = {};
  for (const life of lives) {
    if (problems.length === MAX_PROBLEMS) break;
    const lifeCounts = { cuts: 0, opened: 0 };
    counts[life.name] = lifeCounts;
    const problem = await cutLife(life, step, lifeCounts);
    if (problem !== undefined) problems.push(problem);
  }
  return counts;
}

const groups = worlds.flatMap((world) => Object.entries(world.lives));
const rehearsals: Record<string, string[]> = {};
for (const [group, lives] of groups) {
  rehearsals[group] = [];
  await cutGroup(lives, REHEARSAL_STEP, rehearsals[group]);
}

const reports: LifeReport[] = [];
let inventory = await takeInventory();
for (const [group, lives] of groups) {
  const problems = rehearsals[group] ?? [];
  let counts: Record<string, CutCounts> = {};
  let growth: string[] = [];
  for (let round = 0; round < MAX_ROUNDS && problems.length === 0; round++) {
    counts = await cutGroup(lives, 1, problems);
    const earlier = inventory;
    inventory = await takeInventory();
    const fewestCuts = Math.min(...Object.values(counts).map(({ cuts }) => cuts));
    growth = findGrowth([earlier, inventory], fewestCuts);
    if (growth.length === 0) break;
  }
  reports.push({ group, counts, problems: [...problems, ...growth] });
}
for (const world of worlds) await world.stop();
process.send!(reports, () => process.disconnect());
