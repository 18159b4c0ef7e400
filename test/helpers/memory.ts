import { setImmediate as nextTurn } from 'node:timers/promises';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

setFlagsFromString('--expose_gc');
const collectGarbage = runInNewContext('gc') as () => void;

/** Bytes of all buffers that something still refers to. */
export function heldBytes(): number {
  // What the first run frees is swept in another thread; the second one waits for that.
  collectGarbage();
  collectGarbage();
  return process.memoryUsage().arrayBuffers;
}

/** Bytes of all that something still refers to, in the heap and outside of it. */
export function usedBytes(): number {
  heldBytes();
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
}

/** Lets go of all that nothing refers to. In turns of its own, because a WeakRef keeps its object until its turn ends. */
export async function dropGarbage(): Promise<void> {
  for (let i = 0; i < 3; i++) {
    await nextTurn();
    collectGarbage();
  }
}
