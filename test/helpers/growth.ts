import type { Inventory } from './inventory.ts';

/** Figures of which nothing is left when no connection is open. */
const MUST_BE_ZERO = {
  deadlineTicks: 'ticks with deadlines are left',
  partialMessageBytes: 'bytes of unfinished messages are left',
  takenPlaces: 'places in the thread pool for compression are not given back',
  warnings: 'warnings came from the process',
} as const;

/** Figures that grow with each connection that leaves something behind. */
const MUST_NOT_GROW = {
  objects: { name: 'objects', each: 0.1, noise: 20 },
  entries: { name: 'entries of Maps and Sets', each: 0.05, noise: 5 },
  // V8 compiles and optimizes code all the time.
  heapBytes: { name: 'bytes in the heap', each: 512, noise: 600_000 },
  // The library keeps some buffers for the next large message.
  externalBytes: { name: 'bytes outside of the heap', each: 64, noise: 500_000 },
  descriptors: { name: 'open files and sockets', each: 0.01, noise: 2 },
  resources: { name: 'resources that keep the process alive', each: 0.01, noise: 2 },
} as const;

/**
 * Finds what a process keeps of connections that have ended.
 *
 * @remarks The growth is the median of all pairs of inventories: what is made only once, such as the code of a function,
 * does not count, and what each connection leaves behind does.
 * @param inventories - taken after rounds of the same connections, when all of these had ended
 * @param connectionCount - connections that ended between one inventory and the next, or those of them that are alike
 * @returns a sentence for each figure that is too high, empty when nothing is kept
 */
export function findGrowth(inventories: readonly Inventory[], connectionCount: number): string[] {
  const last = inventories.at(-1) as Inventory;
  const left = entriesOf(MUST_BE_ZERO)
    .filter(([key]) => last[key] > 0)
    .map(([key, text]) => `${last[key]} ${text}`);
  const grown = entriesOf(MUST_NOT_GROW).flatMap(([key, { name, each, noise }]) => {
    const figures = inventories.map((inventory) => inventory[key]);
    const growth = medianGrowth(figures);
    const limit = Math.ceil(Math.max(each * connectionCount, noise / (inventories.length - 1)));
    if (growth <= limit) return [];
    return [
      `${name} grow by ${growth} a round (at most ${limit} for ${connectionCount} connections): ${figures.join(', ')}`,
    ];
  });
  return [...left, ...grown];
}

/** Returns the median of the growth per round between any two figures. */
function medianGrowth(figures: readonly number[]): number {
  const growths = figures.flatMap((later, j) => figures.slice(0, j).map((earlier, i) => (later - earlier) / (j - i)));
  return growths.toSorted((one, other) => one - other)[Math.floor((growths.length - 1) / 2)] ?? 0;
}

function entriesOf<Table extends object>(table: Table): [keyof Table, Table[keyof Table]][] {
  return Object.entries(table) as [keyof Table, Table[keyof Table]][];
}
