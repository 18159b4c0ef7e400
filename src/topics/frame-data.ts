import type { TopicsHost } from './client-host.ts';
import type { MessageFrame } from './frames.ts';
import type { Publishable, TopicMessage } from './topic-handler.ts';

/** A frame, or a part of one, of which nothing is known yet. */
export type Loose = Readonly<Record<string, unknown>>;

export function isRecord(value: unknown): value is Loose {
  return !!value && typeof value === 'object';
}

export function toText(value: unknown): string | undefined {
  return typeof value === 'string' ? value : undefined;
}

/** Returns a number of a frame; 0 for anything else. */
export function toNumber(value: unknown): number {
  return typeof value === 'number' ? value : 0;
}

/** The longest wait that a server may ask for. */
const LONGEST_WAIT_MS = 60_000;

/** Reads a wait of a frame in milliseconds. */
export function toWait(ms: unknown): number {
  return Math.max(0, Math.min(toNumber(ms), LONGEST_WAIT_MS));
}

/** Returns the records of a list. */
export function toRecords(value: unknown): Loose[] {
  return Array.isArray(value) ? value.filter(isRecord) : [];
}

/**
 * Returns the JSON of a user's data. Bytes become `{"b64":…}`.
 *
 * @throws FourDError `ERR_INVALID_MESSAGE`
 */
export function toJson(data: Publishable, host: TopicsHost): string {
  const isPlain = data === null || Number.isFinite(data) || /^(?:string|boolean)$/.test(typeof data);
  const wire = isPlain ? JSON.stringify(data) : host.toWire(data as object);
  return typeof wire === 'string' ? wire : `{"b64":"${host.toBase64(wire)}"}`;
}

/** Returns the data of a frame as users get it: `{b64:…}` becomes bytes. */
export function fromFrame(data: unknown, host: TopicsHost): unknown {
  // To spread a string would make an object with a member for each of its characters.
  const b64 = (data as Loose | undefined)?.['b64'];
  if (typeof b64 !== 'string' || Object.keys(data as Loose).length > 1) return data;
  try {
    return host.fromBase64(b64);
  } catch {
    return data;
  }
}

/** Reads a message of a topic. What is missing or of the wrong type is left out. */
export function toTopicMessage(frame: Loose | Omit<MessageFrame, 't' | 'topic'>, host: TopicsHost): TopicMessage {
  const { data, pos, key, at, from } = frame;
  return {
    data: fromFrame(data, host),
    position: toText(pos),
    key: toText(key),
    at: toNumber(at),
    from: toText(from),
  };
}
