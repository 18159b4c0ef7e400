/**
 * Commits each planted fault many times, and takes an inventory before and after it. Sends its parent what `findGrowth`
 * says of each pair.
 */
import { findGrowth } from '../helpers/growth.ts';
import { type Inventory, takeInventory } from '../helpers/inventory.ts';
import { commitFault, FAULT_NAMES } from '../helpers/planted-faults.ts';

/** The problems by the name of the fault; those without a fault have the name `none`. */
export type LeakReport = Readonly<Record<string, readonly string[]>>;

/** Enough for two kilobytes of each fault to be far more than the noise of the heap. */
const FAULT_COUNT = 800;

// The first inventory makes things of its own that stay.
await takeInventory();
let latest = await takeInventory();

async function findGrowthOf(commit: () => void): Promise<string[]> {
  const before: Inventory = latest;
  for (let i = 0; i < FAULT_COUNT; i++) commit();
  latest = await takeInventory();
  return findGrowth([before, latest], FAULT_COUNT);
}

const report: Record<string, readonly string[]> = { none: await findGrowthOf(() => {}) };
for (const name of FAULT_NAMES) report[name] = await findGrowthOf(() => commitFault(name));
process.send!(report, () => process.exit());
