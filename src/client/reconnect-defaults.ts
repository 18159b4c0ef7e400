/** Defaults of the numbers of the option `reconnect`, which clients in Node and in browsers share. */
export const RECONNECT_DEFAULTS: Readonly<
  Record<'minDelayMs' | 'maxDelayMs' | 'factor' | 'maxAttempts' | 'maxQueuedMessages' | 'maxQueuedBytes', number>
> = {
  minDelayMs: 1000,
  maxDelayMs: 30_000,
  factor: 2,
  maxAttempts: Infinity,
  maxQueuedMessages: 1000,
  maxQueuedBytes: 1_048_576,
};
