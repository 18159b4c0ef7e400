import type { EndPhase, FourDError } from '../errors.ts';

/** A server cannot ask for a longer wait than this with `Retry-After`. */
const MAX_RETRY_AFTER_MS = 600_000;

/**
 * Close codes after which the same client may well be welcome again: the server goes away (1001), the connection was lost
 * (1006), the server failed (1011), restarts (1012), is overloaded (1013), or is behind a gateway that failed (1014).
 * Not 1000 and 1005, an end as agreed; nor codes that say that the client is wrong, which it would be again (1002, 1003,
 * 1007 to 1010), nor those of applications (3000 to 4999), whose meaning only they know.
 */
const TEMPORARY_CLOSE_CODES: ReadonlySet<number> = new Set([1001, 1006, 1011, 1012, 1013, 1014]);

/** HTTP refusals below 500 that ask for another attempt: Request Timeout, Too Early, Too Many Requests. */
const TEMPORARY_STATUSES: ReadonlySet<number> = new Set([408, 425, 429]);

/** Tells whether a lost connection, or a failed attempt, is worth another attempt. */
export function isTemporary(code: number, phase: EndPhase, error: FourDError | undefined): boolean {
  if (phase === 'open' || phase === 'closing') return TEMPORARY_CLOSE_CODES.has(code);
  switch (error?.code) {
    case 'ERR_CONNECT_FAILED':
    case 'ERR_HANDSHAKE_TIMEOUT':
    case 'ERR_PROXY_FAILED':
      return true;
    case 'ERR_PROXY_REFUSED':
    case 'ERR_HANDSHAKE_REFUSED': {
      // A SOCKS proxy says that the server cannot be reached (3 to 6 of RFC 1928 section 6).
      const { httpStatus = 0, observed = 0 } = error;
      if (observed >= 3 && observed <= 6) return true;
      return httpStatus >= 500 || TEMPORARY_STATUSES.has(httpStatus);
    }
    default:
      return false;
  }
}

/** What the waits depend on. */
export interface DelayRange {
  readonly minDelayMs: number;
  readonly maxDelayMs: number;
  readonly factor: number;
}

/**
 * The wait before an attempt: exponential backoff with full jitter.
 *
 * @param attempt - from 1
 * @param random - from 0 to below 1
 */
export function backoffDelay(attempt: number, { minDelayMs, maxDelayMs, factor }: DelayRange, random: number): number {
  return Math.round(random * Math.min(maxDelayMs, minDelayMs * factor ** (attempt - 1)));
}

/**
 * Reads a `Retry-After` header (RFC 9110 section 10.2.3): seconds, or a date.
 *
 * @param nowMs - the time of day
 * @returns milliseconds, {@link MAX_RETRY_AFTER_MS} at most; 0 when there is none, or it cannot be read
 */
export function parseRetryAfter(value: string | readonly string[] | undefined, nowMs: number): number {
  if (typeof value !== 'string' || value.length > 64) return 0;
  const text = value.trim();
  const milliseconds = isDigits(text) ? Number(text) * 1000 : Date.parse(text) - nowMs;
  return milliseconds > 0 ? Math.min(milliseconds, MAX_RETRY_AFTER_MS) : 0;
}

function isDigits(text: string): boolean {
  for (let i = 0; i < text.length; i++) if (text.charCodeAt(i) < 0x30 || text.charCodeAt(i) > 0x39) return false;
  return text !== '';
}
