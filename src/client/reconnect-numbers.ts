/** Defaults and ranges of the option `reconnect`, which clients in Node and in browsers share. */

const LONGEST_DELAY_MS = 86_400_000;

export const RECONNECT_NUMBERS = {
  minDelayMs: { default: 1000, min: 1, max: LONGEST_DELAY_MS },
  maxDelayMs: { default: 30_000, min: 1, max: LONGEST_DELAY_MS },
  maxAttempts: { default: Infinity, min: 1, max: Infinity },
  maxQueuedMessages: { default: 1000, min: 0, max: Infinity },
  maxQueuedBytes: { default: 1_048_576, min: 0, max: Infinity },
} as const;

export const DEFAULT_FACTOR = 2;

/** Tells whether a value can be the option `reconnect.factor`. */
export function isFactor(value: unknown): value is number {
  return typeof value === 'number' && value >= 1 && value <= 10;
}
