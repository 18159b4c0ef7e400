import { clientChannel } from '../diagnostics/channels.ts';
import { countOne } from '../diagnostics/observed.ts';
import { toPublicUrl } from '../base/public-url.ts';
import { clients } from '../diagnostics/sources.ts';
import type { EndCause, EndPhase, FourDError } from '../errors.ts';
import type { CallScope } from '../workers/call-scope.ts';

/** Counts an attempt to connect, and tells the channel. */
export function countAttempt(
  { id, attempt }: { readonly id: number; readonly attempt: number },
  scope: CallScope,
  url: unknown,
): void {
  clients.observed.attempts++;
  if (!clientChannel.hasSubscribers) return;
  scope.run(() => clientChannel.publish({ type: 'connecting', id, url: toPublicUrl(url), attempt }));
}

/** Counts an attempt that failed, and tells the channel. */
export function countFailure(
  id: number,
  scope: CallScope,
  { code: error, httpStatus: status }: FourDError,
  cause: EndCause,
  phase: EndPhase,
): void {
  countOne(clients.observed.failed, cause);
  if (!clientChannel.hasSubscribers) return;
  scope.run(() => clientChannel.publish({ type: 'failed', id, error, cause, phase, status }));
}
