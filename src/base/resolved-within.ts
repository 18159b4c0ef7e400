import { timers } from './timers.ts';

/**
 * Tells whether a promise, which never rejects, resolves in time. The process stays alive meanwhile.
 *
 * @returns resolves to true with the promise, or to false when the time is up
 */
export async function resolvedWithin(promise: Promise<unknown>, timeoutMs: number): Promise<boolean> {
  let isLate = false;
  const late = { onDeadline: (): void => {} };
  const isTimeUp = new Promise<void>((resolve) => {
    late.onDeadline = () => {
      isLate = true;
      resolve();
    };
  });
  const ticket = timers.schedule(late, timeoutMs);
  timers.ref();
  await Promise.race([promise, isTimeUp]);
  timers.unref();
  timers.cancel(late, ticket);
  return !isLate;
}
