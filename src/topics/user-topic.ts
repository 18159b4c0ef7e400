/** The own topic of each user, and what ends all of a user's sessions. */
import type { FeedEntry } from './feed.ts';

/** In front of the name of a user. Clients name their own one {@link ME}. */
const USER_PREFIX = '@user/';

/** How a client names the topic of its user. */
export const ME = '@me';

/** In front of the keys of entries that end sessions. No program may use such a key in the topic of a user. */
export const END_KEY = '@end/';

/** The topic of a user. */
export function userTopic(user: string): string {
  return USER_PREFIX + user;
}

/** The name of a topic as clients know it. */
export function shownTopic(topic: string): string {
  return topic.startsWith(USER_PREFIX) ? ME : topic;
}

/** What ends the sessions of a user that were authenticated until a moment. */
export interface UserEnd {
  /** In milliseconds since 1970. */
  readonly before: number;
  readonly code: number;
  readonly reason: string;
}

/** The key of an end: one for each moment, so that no later call with an earlier moment takes its place. */
export function endKey({ before }: UserEnd): string {
  return END_KEY + before;
}

export function isUserEnd({ entry }: FeedEntry): boolean {
  return entry.key?.startsWith(END_KEY) === true;
}

/** Reads what ends sessions; undefined for any other entry, and for what no version of this library has written. */
export function readUserEnd(entry: FeedEntry): UserEnd | undefined {
  if (!isUserEnd(entry) || entry.entry.isRemoved || typeof entry.data !== 'string') return undefined;
  let value: unknown;
  try {
    value = JSON.parse(entry.data);
  } catch {
    return undefined;
  }
  if (typeof value !== 'object' || value === null) return undefined;
  const { before, code, reason } = value as Partial<UserEnd>;
  return typeof before === 'number' && typeof code === 'number' && typeof reason === 'string'
    ? { before, code, reason }
    : undefined;
}
