/**
 * Commits each planted fault many times, and takes inventories meanwhile. Sends its parent what `findGrowth` says of the
 * rounds before the first fault, and of those of each fault.
 */
import { findGrowth } from '../helpers/growth.ts';
import { type Inventory, takeInventory } from '../helpers/inventory.ts';
import { commitFault, FAULT_NAMES } from '../helpers/planted-faults.ts';

/** The problems by the name of the fault; those of rounds without a fault have the name `none`. */
export type LeakReport = Readonly<Record<string, readonly string[]>>;

const ROUNDS = 2;
const FAULTS_PER_ROUND = 300;

// The first inventory makes things of its own that stay.
let latest = await takeInventory();

async function runRounds(commit: () => void): Promise<string[]> {
  const inventories: Inventory[] = [latest];
  for (let round = 0; round < ROUNDS; round++) {
    for (let i = 0; i < FAULTS_PER_ROUND; i++) commit();
    latest = await takeInventory();
    inventories.push(latest);
  }
  return findGrowth(inventories, FAULTS_PER_ROUND);
}

const report: Record<string, readonly string[]> = { none: await runRounds(() => {}) };
for (const name of FAULT_NAMES) report[name] = await runRounds(() => commitFault(name));
process.send!(report, () => process.exit());
