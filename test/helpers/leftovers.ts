import { expect } from 'vitest';
import { timers } from '../../src/base/timers.ts';
import { turns } from './turns.ts';

/** Fails when deadlines are still pending. For `afterEach`. */
export async function expectNoDeadlines(): Promise<void> {
  for (let i = 0; i < 50 && timers.pendingTicks > 0; i++) await turns();
  expect(timers.pendingTicks).toBe(0);
}

/**
 * Fails when network sockets are still open. For `afterAll`.
 *
 * @param prefix - how the names of the resources begin; by default sockets and servers
 */
export async function expectNoOpenSockets(prefix = 'T'): Promise<void> {
  // Closing takes a few turns.
  for (let i = 0; i < 50 && openSockets(prefix).length > 0; i++) await turns();
  expect(openSockets(prefix)).toEqual([]);
}

function openSockets(prefix: string): string[] {
  return process.getActiveResourcesInfo().filter((name) => /^(?:TCP|TLS)/.test(name) && name.startsWith(prefix));
}
