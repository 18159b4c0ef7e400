import { wallMs } from '../base/clock.ts';
import { findCloseProblem } from '../session/close-arguments.ts';
import { checkNumber, invalidOption, readOptions } from '../session/option-checks.ts';
import type { Publication, TopicsPort } from '../topics/feed.ts';
import { END_KEY, endKey, readUserEnd, type UserEnd, userTopic } from '../topics/user-topic.ts';
import { checkMoment } from './moment.ts';
import { checkUser } from './user-name.ts';

/** Options of `wss.topics.endUser`. */
export interface EndUserOptions {
  /**
   * Sessions that were authenticated at this moment or earlier end, as a Date or in milliseconds since 1970 by the clock of
   * whoever sets `authenticatedAt`; so do those without `authenticatedAt`. Default: now.
   */
  readonly before?: Date | number | undefined;
  /** Seconds for which connections that open later are closed too: at least as long as a token of the user is valid. Default 2 592 000 (30 days). */
  readonly keepSeconds?: number | undefined;
  /** Close code: 1000, or 3000 to 4999. Default 4401, after which a client of this library does not reconnect by itself. */
  readonly code?: number | undefined;
  /** Close reason, cut to 123 bytes of UTF-8. Default `'session ended'`. */
  readonly reason?: string | undefined;
}

const END_KEYS: ReadonlySet<string> = new Set<keyof EndUserOptions>(['before', 'keepSeconds', 'code', 'reason']);

const KEEP_SECONDS = { min: 1, max: 31_536_000 } as const;
const DEFAULT_KEEP_SECONDS = 2_592_000;
const CLOSE_ENDED = 4401;

/**
 * Checks that what is published to a user does not take the place of what ends sessions.
 *
 * @throws FourDError `ERR_INVALID_OPTION`
 */
export function checkUserKey({ key }: Pick<Publication, 'key'>): void {
  if (key?.startsWith(END_KEY) !== true) return;
  throw invalidOption(`key must not begin with ${END_KEY}, which marks entries of the library`, 'HTTP');
}

/**
 * Stores what ends the sessions of a user, and takes out what it makes superfluous.
 *
 * @throws FourDError (as a rejection) `ERR_INVALID_OPTION`, `ERR_INVALID_EXPIRY`, and those of `publish`
 */
export async function endUser(port: TopicsPort, user: string, given: EndUserOptions): Promise<void> {
  const topic = userTopic(checkUser(user));
  const options = readOptions(given, END_KEYS, 'HTTP', {
    advice: `: endUser() takes ${[...END_KEYS].join(', ')}`,
  });
  const { code = CLOSE_ENDED, reason = 'session ended', keepSeconds: seconds = DEFAULT_KEEP_SECONDS } = options;
  const before = checkMoment('before', options.before) ?? wallMs();
  const keepSeconds = checkNumber('keepSeconds', seconds, KEEP_SECONDS, 'HTTP');
  const problem = findCloseProblem(code, reason);
  if (problem !== undefined) throw invalidOption(`invalid endUser: ${problem}`, 'HTTP');
  const end: UserEnd = { before, code, reason };
  await port.publish(topic, { data: JSON.stringify(end), key: endKey(end), ttl: keepSeconds, keepSeconds });
  await removeOlder(port, topic, end, keepSeconds);
}

/** An earlier moment that is not kept for longer says nothing any more. */
async function removeOlder(port: TopicsPort, topic: string, { before }: UserEnd, keepSeconds: number): Promise<void> {
  // What ends the sessions is stored: to leave the older ones is no failure.
  const state = await port.state(topic).catch(() => []);
  const older = state.filter((entry) => {
    const end = readUserEnd(entry);
    return end !== undefined && end.before < before && (entry.entry.ttl ?? 0) <= keepSeconds;
  });
  const removals = older.map(({ entry: { key } }) =>
    port.publish(topic, { data: 'null', key, isRemoved: true, keepSeconds }),
  );
  await Promise.allSettled(removals);
}
