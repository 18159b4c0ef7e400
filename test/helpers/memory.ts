import { setImmediate as nextTurn } from 'node:timers/promises';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

setFlagsFromString('--expose_gc');
const collectGarbage = runInNewContext('gc') as () => void;

/** Returns the bytes of all buffers that are still referenced. */
export function heldBytes(): number {
  // Another thread sweeps what the first run frees. The second run waits for that thread.
  collectGarbage();
  collectGarbage();
  return process.memoryUsage().arrayBuffers;
}

/** Returns the bytes of everything that is still referenced, in the heap and outside of it. */
export function usedBytes(): number {
  heldBytes();
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
}

/** Frees everything that is not referenced, in later turns: a WeakRef keeps its object until its turn ends. */
export async function dropGarbage(): Promise<void> {
  for (let i = 0; i < 3; i++) {
    await nextTurn();
    collectGarbage();
  }
}
