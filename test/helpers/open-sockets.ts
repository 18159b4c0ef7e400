import { expect } from 'vitest';
import { turns } from './turns.ts';

/**
 * Fails when network sockets are left open.
 *
 * @param prefix - what to look for, if not servers as well
 */
export async function expectNoOpenSockets(prefix = 'T'): Promise<void> {
  const find = (): string[] =>
    process.getActiveResourcesInfo().filter((name) => /^(?:TCP|TLS)/.test(name) && name.startsWith(prefix));
  // Closing takes a few turns.
  for (let i = 0; i < 50 && find().length > 0; i++) await turns();
  expect(find()).toEqual([]);
}
