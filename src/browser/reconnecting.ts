import type { ConnectionLoss } from '../client/reconnect-options.ts';
import { backoffDelayMs, TEMPORARY_CLOSE_CODES } from '../client/reconnect-policy.ts';
import { report } from './browser-error.ts';
import type { BrowserSettings } from './browser-options.ts';

/** Decides as in Node whether to connect again, and when: the user's function does, else the policy. */
export function nextDelayMs(
  reconnect: NonNullable<BrowserSettings['reconnect']>,
  loss: Omit<ConnectionLoss, 'isTemporary'>,
): number | undefined {
  const { maxAttempts, shouldReconnect } = reconnect;
  const { attempt, code, cause, error } = loss;
  // A browser does not tell why an attempt has failed (1006), so every failure may pass.
  const isTemporary = cause !== 'invalid' && TEMPORARY_CLOSE_CODES.includes(error?.closeCode ?? code);
  try {
    const isWanted: unknown =
      attempt <= maxAttempts && (shouldReconnect ? shouldReconnect({ ...loss, isTemporary }) : isTemporary);
    if (isWanted === true) return backoffDelayMs(attempt, reconnect, Math.random());
  } catch (thrown) {
    report(thrown);
  }
  return undefined;
}
