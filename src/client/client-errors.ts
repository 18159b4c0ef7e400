import { type EndCause, type EndPhase, FourDError } from '../errors.ts';
import { CLOSE_ABNORMAL } from '../protocol/constants.ts';
import { endingText } from '../session/ending-text.ts';
import type { SignalOption } from './signal-option.ts';

/** The error of a client that gave up before it was connected. */
export function gaveUp(cause: EndCause, phase: EndPhase): FourDError {
  const message = endingText({ cause, phase, code: CLOSE_ABNORMAL });
  return new FourDError('ERR_CONNECT_FAILED', message, { componentSignature: 'HTCL', endCause: cause, phase });
}

export function reconnectOff(): FourDError {
  const message =
    'cannot reconnect: the client was not created with the option reconnect, or another option was refused';
  return new FourDError('ERR_RECONNECT_OFF', message, { componentSignature: 'HTCL' });
}

export function aborted(signal: SignalOption): FourDError {
  const details = { componentSignature: 'HTCL', cause: signal.reason } as const;
  return new FourDError('ERR_ABORTED', 'gave up connecting: the option signal was aborted', details);
}

export function topicsOff(): FourDError {
  const message = 'topics are off: create the client with the option topics: true';
  return new FourDError('ERR_TOPICS_OFF', message, { componentSignature: 'HTCL' });
}
