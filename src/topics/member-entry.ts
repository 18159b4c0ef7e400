import type { Retention } from './broker.ts';
import type { FeedEntry, MemberFacts } from './feed.ts';
import type { Member } from './topic-handler.ts';

/** In front of the name of a topic, whose members are the keyed entries of this log. */
export const MEMBERS_PREFIX = '@members/';

/** The state of such a log is what counts; its entries only help those who follow it to catch up. */
export const MEMBERS_RETENTION: Retention = { messages: 1000, seconds: 60, bytes: 1_048_576, stateSeconds: 86_400 };

/** The log of a topic's members. */
export function membersTopic(topic: string): string {
  return MEMBERS_PREFIX + topic;
}

/** A member as it is stored. */
export interface MemberEntry {
  readonly member: Member;
  readonly facts: MemberFacts;
  /** The node whose lease keeps the member. */
  readonly owner: string;
  /** Grows with each connection of the session that changes the entry: of two nodes, the greater has the younger one. */
  readonly connects: number;
}

/** @param since - in milliseconds since 1970; undefined: since the broker stores it */
export function writeMember({ user, info }: MemberFacts, connects: number, since: number | undefined): string {
  const json = JSON.stringify({ user, since, connects });
  return info === undefined ? json : `${json.slice(0, -1)},"info":${info}}`;
}

/** Reads the entry of a member; undefined when no version of this library has written it. */
export function readMember({ data, entry }: FeedEntry): MemberEntry | undefined {
  const { key, owner, at } = entry;
  if (key === undefined || owner === undefined || typeof data !== 'string') return undefined;
  let value: unknown;
  try {
    value = JSON.parse(data);
  } catch {
    return undefined;
  }
  if (typeof value !== 'object' || value === null) return undefined;
  const { user, info, since = at, connects } = value as Readonly<Record<string, unknown>>;
  if (typeof since !== 'number' || typeof connects !== 'number') return undefined;
  if (user !== undefined && typeof user !== 'string') return undefined;
  const member: Member = Object.freeze({
    id: key,
    ...(user !== undefined && { user }),
    ...(info !== undefined && { info }),
    since,
  });
  return { member, facts: { user, info: info === undefined ? undefined : JSON.stringify(info) }, owner, connects };
}

/** Whether the others see the same. */
export function isSameFacts(one: MemberFacts, other: MemberFacts): boolean {
  return one.user === other.user && one.info === other.info;
}
