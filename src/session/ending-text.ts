import type { EndCause } from '../errors.ts';
import { CLOSE_ABNORMAL } from '../protocol/constants.ts';
import type { Ending } from '../connection/closing-state.ts';

/** The names of close codes (RFC 6455 section 7.4.1, and the registry of IANA). */
const CODE_NAMES: Readonly<Record<number, string>> = {
  1000: 'normal closure',
  1001: 'going away',
  1002: 'protocol error',
  1003: 'unsupported data',
  1005: 'no status code',
  1007: 'invalid data',
  1008: 'policy violation',
  1009: 'message too big',
  1010: 'missing extension',
  1011: 'internal error',
  1012: 'service restart',
  1013: 'overloaded: try again later',
  1014: 'bad gateway',
};

/** Why this program ended the connection, by cause. */
const OWN_REASONS: Readonly<Partial<Record<EndCause, string>>> = {
  local: 'terminate() was called',
  aborted: 'the option signal was aborted',
  shutdown: 'the server was terminated',
  drain: 'the server was drained',
  worker: 'the worker that owns the connection was killed',
  expired: 'expiresAt was reached',
};

/** Returns the text, for people, of why a connection ended that no error ended. */
export function endingText({ cause, phase, code }: Pick<Ending, 'cause' | 'phase' | 'code'>): string {
  if (cause === 'peer-closed') {
    const name = CODE_NAMES[code];
    return `the peer closed the connection with code ${code}${name === undefined ? '' : ` (${name})`}`;
  }
  const isLocal = cause === 'local';
  if (phase !== 'open' && phase !== 'closing') {
    const reason = isLocal ? 'terminate() or destroy() was called' : (OWN_REASONS[cause] ?? cause);
    return `this program gave up connecting: ${reason}`;
  }
  // After terminate() there is a close code, or the error of a peer that did not answer.
  const reason = isLocal && code === CLOSE_ABNORMAL ? 'destroy() was called' : (OWN_REASONS[cause] ?? cause);
  const how = phase === 'open' ? 'without a close frame' : 'before the peer answered the close frame';
  const what = code === CLOSE_ABNORMAL ? `dropped the connection ${how}` : 'closed the connection';
  return `this program ${what}: ${reason}`;
}
