import { createHook } from 'node:async_hooks';
import { existsSync, readdirSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { queryObjects } from 'node:v8';
import { timers } from '../../src/base/timers.ts';
import { CompressionFactory } from '../../src/connection/zlib.ts';
import type { Deflater } from '../../src/protocol/compression.ts';
import { partialMessageBudget } from '../../src/protocol/partial-message-budget.ts';

/** What a process holds: figures of a moment at which no connection is open. */
export interface Inventory {
  /** Objects and functions of all kinds, such as buffers, timers and listeners. */
  readonly objects: number;
  /** Entries of all Maps and Sets, such as deadlines and counts by address. */
  readonly entries: number;
  readonly heapBytes: number;
  /** Bytes outside of the heap, such as those of buffers. */
  readonly externalBytes: number;
  /** Open files and sockets; 0 where the system does not tell. */
  readonly descriptors: number;
  /** Sockets, servers and timers that keep the process alive. */
  readonly resources: number;
  /** Ticks of the library's timer wheel that have deadlines. */
  readonly deadlineTicks: number;
  /** Memory of unfinished messages, as the library counts it. */
  readonly partialMessageBytes: number;
  /** Places in the thread pool for compression that are not free. */
  readonly takenPlaces: number;
  /** Warnings of the process so far, such as those of too many listeners. */
  readonly warnings: number;
}

/** Options of Node for a process that takes inventories: code that V8 drops and compiles again would look like growth. */
export const INVENTORY_OPTIONS: readonly string[] = [
  '--expose-gc',
  '--no-flush-bytecode',
  '--disable-warning=ExperimentalWarning',
];

const DESCRIPTORS_FOLDER = '/proc/self/fd';
/** More messages than the library compresses at a time. */
const PROBE_COUNT = 12;
/** Size of a message that is compressed in the thread pool. */
const PROBE_BYTES = 40_000;
const POOL_PATIENCE_MS = 500;

let warnings = 0;
// A peer that finds no server leads to a warning of the library, which is meant to come.
const EXPECTED_WARNINGS = new Set(['ExperimentalWarning', '4dWebSocketWarning']);
process.on('warning', ({ name }) => void (!EXPECTED_WARNINGS.has(name) && warnings++));

/** Places in the thread pool when this process began. */
const placeCount = await countFreePlaces();

/** Counts what this process holds after a garbage collection. */
export async function takeInventory(): Promise<Inventory> {
  const takenPlaces = await countTakenPlaces();
  // The first collection runs finalizers, which free more memory for the next one.
  for (let i = 0; i < 2; i++) {
    globalThis.gc?.();
    await sleep(5);
  }
  const { heapUsed, external } = process.memoryUsage();
  return {
    objects: queryObjects(Object, { format: 'count' }),
    entries: countEntries(Map) + countEntries(Set),
    heapBytes: heapUsed,
    externalBytes: external,
    descriptors: existsSync(DESCRIPTORS_FOLDER) ? readdirSync(DESCRIPTORS_FOLDER).length : 0,
    resources: process.getActiveResourcesInfo().length,
    deadlineTicks: timers.pendingTicks,
    partialMessageBytes: partialMessageBudget.heldBytes,
    takenPlaces,
    warnings,
  };
}

/** Counts the entries of all Maps or all Sets. Node describes each like `Map(2) {…}`. */
function countEntries(kind: MapConstructor | SetConstructor): number {
  const descriptions = queryObjects(kind, { format: 'summary' });
  return descriptions.reduce((sum, text) => sum + Number(/^\w+\((\d+)\)/.exec(text)?.[1] ?? 0), 0);
}

/** Counts the places in the thread pool that are still taken after the time that any message needs there. */
async function countTakenPlaces(): Promise<number> {
  let taken = placeCount - (await countFreePlaces());
  for (let waitedMs = 0; taken > 0 && waitedMs < POOL_PATIENCE_MS; waitedMs += 10) {
    await sleep(10);
    taken = placeCount - (await countFreePlaces());
  }
  return taken;
}

/** Counts how many of many messages the library begins to compress within one turn. */
async function countFreePlaces(): Promise<number> {
  let free = 0;
  const hook = createHook({ init: (_id, type) => void (type === 'ZLIB' && free++) });
  const deflater = createDeflater();
  hook.enable();
  const probes = Array.from(
    { length: PROBE_COUNT },
    () => new Promise<void>((resolve) => deflater.deflate(Buffer.alloc(PROBE_BYTES), () => resolve())),
  );
  hook.disable();
  // Without a free place the messages would wait for ever.
  if (free > 0) await Promise.all(probes);
  return free;
}

/** Creates what a connection without context takeover compresses its messages with. */
export function createDeflater(): Deflater {
  const compression = new CompressionFactory('server', { thresholdBytes: 0, level: 1 }).create({
    serverNoContextTakeover: true,
    clientNoContextTakeover: true,
    serverMaxWindowBits: 15,
    clientMaxWindowBits: 15,
  });
  return compression.deflater;
}
