import type { TopicsHost } from './client-host.ts';
import type { MessageFrame } from './frames.ts';
import type { Position } from './position.ts';
import type { Member, Members, Publishable, TopicMessage } from './topic-handler.ts';

/** A frame, or a part of one, of which nothing is known yet. */
export interface Loose {
  /** A server gets back the position that it has sent, whatever that is. */
  readonly pos?: Position;
  readonly [name: string]: unknown;
}

export function isRecord(value: unknown): value is Loose {
  return !!value && typeof value === 'object';
}

/** The longest wait that a server may ask for. */
const LONGEST_WAIT_MS = 60_000;

/** Reads a wait of a frame in milliseconds: 0 for what is no number. */
export function toWait(ms: unknown): number {
  return Math.min(ms as number, LONGEST_WAIT_MS) || 0;
}

/** Returns the records of a list. A record alone is a list of one. */
export function toRecords(value: unknown): Loose[] {
  return [value].flat().filter(isRecord);
}

/**
 * Returns the JSON of a user's data. Bytes become `{"b64":…}`.
 *
 * @throws FourDError `ERR_INVALID_MESSAGE`
 */
export function toJson(data: Publishable, host: TopicsHost): string {
  const isPlain = data === null || Number.isFinite(data) || /string|boolean/.test(typeof data);
  const wire = isPlain ? JSON.stringify(data) : host.toWire(data as object);
  return typeof wire === 'string' ? wire : `{"b64":"${host.toBase64(wire)}"}`;
}

/** Returns the data of a frame as users get it: `{b64:…}` becomes bytes. */
export function fromFrame(data: unknown, host: TopicsHost): unknown {
  // Only what may be bytes has its members listed.
  const b64 = (data as Loose | null | undefined)?.['b64'];
  if (typeof b64 !== 'string' || Object.keys(data as Loose).length > 1) return data;
  try {
    return host.fromBase64(b64);
  } catch {
    return data;
  }
}

/** Reads a message of a topic. */
export function toTopicMessage(frame: Loose | Omit<MessageFrame, 't' | 'topic'>, host: TopicsHost): TopicMessage {
  const { data, pos, key, at = 0, from } = frame as Partial<MessageFrame>;
  return { data: fromFrame(data, host), position: pos, key, at, from };
}

/** Reads the members of a topic. */
export function toMembers({ count, list }: Loose): Members {
  return { count: count as number, list: toRecords(list) as unknown as Member[] };
}
