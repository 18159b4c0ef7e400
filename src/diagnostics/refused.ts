import { type RefusedChannelCause, serverChannel } from './channels.ts';
import { countOne, type Observed } from './observed.ts';
import { toPublicOrigin, toPublicPath } from '../base/public-url.ts';

/** What is read of the request of a client that is refused. */
interface RefusedRequest {
  readonly url?: string | undefined;
  readonly headers: Readonly<Record<string, string | readonly string[] | undefined>>;
}

/** What is told of a refusal. Its reason is not: it may be an answer that the user has written. */
interface RefusalFacts {
  readonly status: number;
  readonly cause: RefusedChannelCause;
  readonly advice: string;
}

/** Counts a client that was refused, and tells the channel. */
export function countRefused(
  { refused, path }: Observed,
  { status, cause, advice }: RefusalFacts,
  { url = '/', headers }: RefusedRequest,
  remoteAddress: string,
): void {
  countOne(refused, cause);
  if (!serverChannel.hasSubscribers) return;
  const origin = typeof headers['origin'] === 'string' ? toPublicOrigin(headers['origin']) : undefined;
  serverChannel.publish({
    type: 'refused',
    path,
    requestPath: toPublicPath(url),
    status,
    cause,
    advice,
    remoteAddress,
    origin,
  });
}
