import type { EndCause, EndPhase, FourDError } from '../errors.ts';
import { codeOf } from './node-error.ts';

/** The longest wait that a server can ask for with `Retry-After`. */
const MAX_RETRY_AFTER_MS = 600_000;

/**
 * Close codes after which the same client may be accepted again: the server goes away (1001), the connection was lost
 * (1006), the server failed (1011), restarts (1012), is overloaded (1013), or is behind a gateway that failed (1014).
 * 1000 and 1005 are missing because both sides agreed on the end; 1002, 1003 and 1007 to 1010 because the client would
 * make the same mistake again; 3000 to 4999 because only the application knows their meaning.
 */
// A page loads it: bundlers keep a comment of 16 bytes at each Set.
export const TEMPORARY_CLOSE_CODES: readonly number[] = [1001, 1006, 1011, 1012, 1013, 1014];

/** Causes by which this program itself ended the connection. */
export const OWN_CAUSES: ReadonlySet<EndCause> = new Set(['local', 'aborted', 'worker', 'callback']);

/** HTTP statuses below 500 that allow another attempt: Request Timeout, Too Early, Too Many Requests. */
const TEMPORARY_STATUSES: ReadonlySet<number> = new Set([408, 425, 429]);

/**
 * Codes of Node and OpenSSL for a TLS handshake that fails again the next time: a certificate that is not trusted, has
 * expired or is for another host, a rejected client certificate, a port that does not speak TLS. Those of the network,
 * such as ECONNRESET, begin with an E.
 */
const LASTING_TLS_CODE = /^(?:ERR_(?:SSL|TLS|OSSL)_|ERROR_IN_|EPROTO$|[^E])/;

/** Phases of an attempt in which Node may report an error of TLS. */
const TLS_PHASES: ReadonlySet<EndPhase> = new Set(['proxy', 'tls', 'handshake']);

/** Tells whether another attempt may succeed after a lost connection or a failed attempt. */
export function isTemporary(code: number, phase: EndPhase, error: FourDError | undefined): boolean {
  if (phase === 'open' || phase === 'closing') return TEMPORARY_CLOSE_CODES.includes(code);
  switch (error?.code) {
    case 'ERR_HANDSHAKE_TIMEOUT':
      return true;
    case 'ERR_CONNECT_FAILED':
    case 'ERR_PROXY_FAILED':
      return error.endCause !== 'invalid' && !(TLS_PHASES.has(phase) && isLastingTlsFailure(error.cause, phase));
    case 'ERR_PROXY_REFUSED':
    case 'ERR_HANDSHAKE_REFUSED': {
      // The replies 3 to 6 of a SOCKS proxy say that the server cannot be reached (RFC 1928 section 6).
      const { httpStatus = 0, observed = 0 } = error;
      if (observed >= 3 && observed <= 6) return true;
      return httpStatus >= 500 || TEMPORARY_STATUSES.has(httpStatus);
    }
    default:
      return false;
  }
}

/** @param cause - an error of Node, or one that a function of the option `tls` made */
function isLastingTlsFailure(cause: unknown, phase: EndPhase): boolean {
  const code = codeOf(cause);
  // The user's own check of the server's identity reports an error without a code.
  return code === undefined ? phase === 'tls' : LASTING_TLS_CODE.test(code);
}

/** The reconnect options that {@link backoffDelayMs} uses. */
export interface DelayRange {
  readonly minDelayMs: number;
  readonly maxDelayMs: number;
  readonly factor: number;
}

/**
 * Computes the wait before an attempt: exponential backoff with full jitter.
 *
 * @param attempt - number of the attempt, from 1
 * @param random - a random number, from 0 to below 1
 */
export function backoffDelayMs(
  attempt: number,
  { minDelayMs, maxDelayMs, factor }: DelayRange,
  random: number,
): number {
  return Math.round(random * Math.min(maxDelayMs, minDelayMs * factor ** (attempt - 1)));
}

/**
 * Parses a `Retry-After` header (RFC 9110 section 10.2.3): seconds, or a date.
 *
 * @param nowMs - the time of day
 * @returns milliseconds, {@link MAX_RETRY_AFTER_MS} at most; 0 when the header is missing or invalid
 */
export function parseRetryAfterMs(value: string | readonly string[] | undefined, nowMs: number): number {
  if (typeof value !== 'string' || value.length > 64) return 0;
  const text = value.trim();
  const waitMs = isDigits(text) ? Number(text) * 1000 : parseHttpDate(text) - nowMs;
  return waitMs > 0 ? Math.min(waitMs, MAX_RETRY_AFTER_MS) : 0;
}

/** Parses a date in one of the three forms of RFC 9110 section 5.6.7. Returns NaN for what is none. */
function parseHttpDate(text: string): number {
  // The oldest form ends with the year, names no zone, and means UTC: `Sun Nov  6 08:49:37 1994`.
  return Date.parse(isDigits(text.slice(-4)) ? `${text} GMT` : text);
}

function isDigits(text: string): boolean {
  for (let i = 0; i < text.length; i++) if (text.charCodeAt(i) < 0x30 || text.charCodeAt(i) > 0x39) return false;
  return text !== '';
}
