const FIRST_MS = 500;
const LONGEST_MS = 15_000;

/**
 * Returns how long to wait before connecting again. The wait doubles after each failure, so that a server that is down
 * is left alone. Half of the wait is random, so that not all pages come back at the same moment.
 *
 * @param {number} failures - attempts that failed so far, 0 after a connection was lost
 * @param {number} chance - from 0 to 1
 * @returns {number} milliseconds
 */
export function retryDelayMs(failures, chance = Math.random()) {
  const longest = Math.min(LONGEST_MS, FIRST_MS * 2 ** failures);
  return Math.round((longest * (1 + chance)) / 2);
}
