import { setImmediate } from 'node:timers/promises';

/** Lets the event loop turn so often that whatever is under way between two ends of one process has arrived. */
export async function turns(count = 20): Promise<void> {
  for (let i = 0; i < count; i++) await setImmediate();
}
