import { setImmediate } from 'node:timers/promises';

/** Lets the event loop turn, often enough for data between two sockets of this process to arrive. */
export async function turns(count = 20): Promise<void> {
  for (let i = 0; i < count; i++) await setImmediate();
}
