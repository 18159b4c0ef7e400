import type { EndCause } from '../errors.ts';
import { CLOSE_ABNORMAL } from '../protocol/constants.ts';
import type { Ending } from '../connection/closing-state.ts';

/** What close codes mean (RFC 6455 section 7.4.1, and the registry of IANA). */
const CODE_NAMES: Readonly<Record<number, string>> = {
  1000: 'done',
  1001: 'going away',
  1002: 'it sees a protocol error',
  1003: 'it does not take such data',
  1005: 'no code',
  1007: 'it sees invalid data',
  1008: 'against its policy',
  1009: 'a message is too big for it',
  1010: 'it needs an extension',
  1011: 'it has failed',
  1012: 'it restarts',
  1013: 'it is overloaded: later again',
  1014: 'a gateway has failed',
};

/** Who in this program wanted the end. */
const OWN_REASONS: Readonly<Partial<Record<EndCause, string>>> = {
  local: 'terminate() was called',
  aborted: 'the option signal was aborted',
  shutdown: 'its server was ended',
  drain: 'its server was drained',
  worker: 'the worker that owns it ended',
  expired: 'its expiresAt came',
};

/** Says for people why a connection ended that no error ended. */
export function endingText({ cause, phase, code }: Pick<Ending, 'cause' | 'phase' | 'code'>): string {
  if (cause === 'peer-closed') {
    const name = CODE_NAMES[code];
    return `the peer closed the connection with code ${code}${name === undefined ? '' : ` (${name})`}`;
  }
  const reason = OWN_REASONS[cause] ?? cause;
  if (phase !== 'open' && phase !== 'closing') return `this program gave up connecting: ${reason}`;
  const how = phase === 'open' ? 'without a close frame' : 'before the peer answered the close frame';
  const what = code === CLOSE_ABNORMAL ? `dropped the connection ${how}` : 'closed the connection';
  return `this program ${what}: ${reason}`;
}
