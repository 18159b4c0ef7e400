import type { ClientFrame, FramePresence } from './frames.ts';
import { findTopicProblem, MAX_TOPIC_BYTES } from './topic-name.ts';
import { ME } from './user-topic.ts';
import type { Since } from './topic-handler.ts';

/** Identifies the answer to a frame. */
export type FrameId = number | string;

/** The codes of `err` and `unsubbed` frames. */
export type FrameCode =
  /** The frame is no JSON, has an unknown `t`, or a wrong member. */
  | 'invalid'
  /** The name of a topic cannot be used. */
  | 'topic'
  /** The data is too long, or has not the form that the server takes. */
  | 'data'
  /** Too many topics. */
  | 'limit'
  /** Too many frames in a second: `retryMs` tells when there is room again. */
  | 'rate'
  /** The server's program has refused. */
  | 'denied'
  /** The server's program has no callback for this. */
  | 'no-handler'
  /** The server's program has failed. */
  | 'failed'
  /** The grant has expired. */
  | 'expired'
  /** The server's program has taken the subscription away. */
  | 'taken'
  /** The broker is away: see `retryMs`. */
  | 'broker-down'
  /** The broker has no room. */
  | 'broker-full'
  /** The server does not do this. */
  | 'unsupported';

/** Why a frame, or a part of it, was not carried out: the content of an `err` frame. */
export interface FrameProblem {
  readonly code: FrameCode;
  readonly message: string;
  readonly id?: FrameId | undefined;
  readonly topic?: string | undefined;
  readonly retryMs?: number | undefined;
}

/** A topic to subscribe to. */
export interface WantedTopic {
  readonly topic: string;
  readonly since: Since;
}

/** A frame of a client, checked. Data is JSON as it was parsed, or bytes. */
export type CheckedFrame =
  | {
      readonly t: 'sub';
      readonly topics: readonly WantedTopic[];
      readonly presence: Required<FramePresence>;
      readonly id: FrameId | undefined;
      /** Topics of a list that cannot be used. */
      readonly problems: readonly FrameProblem[];
    }
  | { readonly t: 'unsub'; readonly topic: string }
  | PublishFrame
  | {
      readonly t: 'hist';
      readonly topic: string;
      readonly after: string | undefined;
      readonly limit: number;
      readonly id: FrameId;
    }
  | { readonly t: 'who'; readonly topic: string; readonly id: FrameId }
  | { readonly t: 'msg'; readonly data: unknown }
  | { readonly t: 'req'; readonly data: unknown; readonly id: FrameId }
  | { readonly t: 'ping' };

/** A `pub` frame, checked. */
export interface PublishFrame {
  readonly t: 'pub';
  readonly topic: string;
  readonly data: unknown;
  readonly key: string | undefined;
  readonly ttl: number | undefined;
  readonly mid: string | undefined;
  readonly isVolatile: boolean;
  readonly id: FrameId;
}

/** Most topics of one `sub` frame. */
const MAX_BATCH = 100;
/** Longest `id` and `key` in UTF-16 units. */
const MAX_ID_LENGTH = 64;
export const MAX_KEY_LENGTH = 256;
/** Longest `after` and `since`: far more than any position has, which is at most 40. */
const MAX_POSITION_LENGTH = 64;
/** Most messages of one answer, as the log gives them. */
export const MAX_HISTORY = 500;
/** Largest n of `{last: n}`. */
export const MAX_LAST = 1000;
export const DEFAULT_HISTORY = 100;

type Fields = Readonly<Record<string, unknown>>;

/** A member of a frame that cannot be used. Thrown within this file only. */
class Mistake extends Error {
  readonly code: FrameCode;

  constructor(code: FrameCode, message: string) {
    super(message);
    this.code = code;
  }
}

/** Reads a frame of a client, whatever it holds. Never throws. */
export function readClientFrame(text: string): CheckedFrame | FrameProblem {
  let fields: unknown;
  try {
    fields = JSON.parse(text);
  } catch {
    return { code: 'invalid', message: 'the frame is not valid JSON' };
  }
  if (typeof fields !== 'object' || fields === null || Array.isArray(fields)) {
    return { code: 'invalid', message: 'the frame must be a JSON object' };
  }
  const { t, id, topic } = fields as Fields;
  try {
    return readFields(t, fields as Fields);
  } catch (thrown) {
    // Only a Mistake is thrown above; anything else is a frame that nobody thought of, and says nothing of the server.
    const { code, message } = thrown instanceof Mistake ? thrown : new Mistake('invalid', 'the frame cannot be read');
    return {
      code,
      message,
      ...(isId(id) && { id }),
      ...(isShown(topic) && { topic }),
    };
  }
}

function readFields(t: unknown, fields: Fields): CheckedFrame {
  switch (t as ClientFrame['t']) {
    case 'ping':
      return { t: 'ping' };
    case 'msg':
      // Bytes for onMessage come as a binary message: here an object {b64} is an object.
      return { t: 'msg', data: givenData(fields) };
    case 'req':
      return { t: 'req', data: readData(fields), id: readId(fields) };
    case 'sub':
      return readSub(fields);
    case 'unsub':
      return { t: 'unsub', topic: readOwnTopic(fields['topic']) };
    case 'pub':
      return readPub(fields);
    case 'hist':
      return readHist(fields);
    case 'who':
      return { t: 'who', topic: readTopic(fields['topic']), id: readId(fields) };
    default:
      throw new Mistake('invalid', `unknown t: ${typeof t === 'string' ? JSON.stringify(t.slice(0, 20)) : typeof t}`);
  }
}

function readSub(fields: Fields): CheckedFrame {
  const { topic, since, presence, id } = fields;
  if (id !== undefined) readId(fields);
  const list: readonly unknown[] = Array.isArray(topic) ? topic : [{ topic, since }];
  if (list.length > MAX_BATCH) {
    throw new Mistake('invalid', `too many topics in one frame: ${list.length} (at most ${MAX_BATCH})`);
  }
  const topics: WantedTopic[] = [];
  const problems: FrameProblem[] = [];
  for (const item of list) {
    try {
      topics.push(readWanted(item));
    } catch (thrown) {
      if (!Array.isArray(topic)) throw thrown;
      const { code, message } = thrown as Mistake;
      const name = (item as Partial<Fields> | null)?.['topic'];
      problems.push({ code, message, id: id as FrameId | undefined, ...(isShown(name) && { topic: name }) });
    }
  }
  return { t: 'sub', topics, presence: readPresence(presence), id: id as FrameId | undefined, problems };
}

function readWanted(item: unknown): WantedTopic {
  if (typeof item !== 'object' || item === null) {
    throw new Mistake('invalid', 'topic must be a text, or a list of {topic, since?}');
  }
  const { topic, since } = item as Fields;
  return { topic: readOwnTopic(topic), since: readSince(since) };
}

function readPub(fields: Fields): PublishFrame {
  const { mid, ttl, volatile } = fields;
  const topic = readTopic(fields['topic']);
  const id = readId(fields);
  const data = readData(fields);
  if (mid !== undefined && (typeof mid !== 'string' || mid.length < 16 || mid.length > 64)) {
    throw new Mistake('invalid', 'mid (idempotencyKey) must be a text of 16 to 64 characters');
  }
  if (ttl !== undefined && !(typeof ttl === 'number' && ttl > 0)) {
    throw new Mistake('invalid', 'ttl must be a number of seconds above 0');
  }
  if (volatile !== undefined && typeof volatile !== 'boolean') {
    throw new Mistake('invalid', 'volatile must be true or false');
  }
  return { t: 'pub', topic, data, key: readKey(fields), ttl, mid, isVolatile: volatile ?? false, id };
}

function readKey({ key }: Fields): string | undefined {
  if (key === undefined) return undefined;
  if (typeof key !== 'string' || key === '' || key.length > MAX_KEY_LENGTH) {
    throw new Mistake('invalid', `key must be a text of 1 to ${MAX_KEY_LENGTH} characters`);
  }
  return key;
}

function readHist(fields: Fields): CheckedFrame {
  const { after, limit = DEFAULT_HISTORY } = fields;
  const topic = readOwnTopic(fields['topic']);
  const id = readId(fields);
  if (after !== undefined && !isPositionText(after)) throw new Mistake('invalid', 'after must be a position');
  if (!Number.isInteger(limit) || (limit as number) < 1 || (limit as number) > MAX_HISTORY) {
    throw new Mistake('invalid', `limit must be a whole number from 1 to ${MAX_HISTORY}`);
  }
  return { t: 'hist', topic, after, limit: limit as number, id };
}

/** A topic, or the one of the client's user. */
function readOwnTopic(topic: unknown): string {
  return topic === ME ? ME : readTopic(topic);
}

function readTopic(topic: unknown): string {
  const problem = findTopicProblem(topic);
  if (problem !== undefined) throw new Mistake('topic', problem);
  return topic as string;
}

/** A text that is none of the words is a position: whether it is one of this topic, the log decides. */
function readSince(since: unknown): Since {
  if (since === undefined) return 'now';
  if (since === 'now' || since === 'start' || since === 'state') return since;
  if (isPositionText(since)) return { after: since };
  const last = typeof since === 'object' && since !== null ? (since as Fields)['last'] : undefined;
  if (Number.isInteger(last) && (last as number) >= 1 && (last as number) <= MAX_LAST) return { last: last as number };
  throw new Mistake('invalid', `since must be a position, "now", "start", "state" or {"last": 1 to ${MAX_LAST}}`);
}

function isPositionText(value: unknown): value is string {
  return typeof value === 'string' && value !== '' && value.length <= MAX_POSITION_LENGTH;
}

function readPresence(presence: unknown): Required<FramePresence> {
  if (presence === undefined) return { show: false, watch: false };
  const { show = false, watch = false } = (presence ?? {}) as Fields;
  if (typeof presence !== 'object' || presence === null || typeof show !== 'boolean' || typeof watch !== 'boolean') {
    throw new Mistake('invalid', 'presence must be {"show": true or false, "watch": true or false}');
  }
  return { show, watch };
}

function readId({ id }: Fields): FrameId {
  if (!isId(id)) throw new Mistake('invalid', `id must be a number or a text of 1 to ${MAX_ID_LENGTH} characters`);
  return id;
}

/** Whether an answer names the topic, so that the client knows which one is meant. */
function isShown(topic: unknown): topic is string {
  return typeof topic === 'string' && topic.length <= MAX_TOPIC_BYTES;
}

function isId(id: unknown): id is FrameId {
  return typeof id === 'number' || (typeof id === 'string' && id !== '' && id.length <= MAX_ID_LENGTH);
}

function givenData(fields: Fields): unknown {
  if (!Object.hasOwn(fields, 'data')) throw new Mistake('invalid', 'data is missing');
  return fields['data'];
}

/** Returns the JSON of `data`, or bytes for `{b64}`. */
function readData(fields: Fields): unknown {
  const data = givenData(fields);
  const text = base64Of(data);
  if (text === undefined) return data;
  const bytes = Buffer.from(text, 'base64');
  // Node skips what is not base 64: then the client would believe that something else was sent.
  if (bytes.toString('base64') !== text) throw new Mistake('data', 'b64 must be base 64 with its padding');
  return bytes;
}

/** Returns the text of `{b64}` when it is the only member. */
function base64Of(data: unknown): string | undefined {
  if (typeof data !== 'object' || data === null) return undefined;
  const { b64 } = data as Fields;
  return typeof b64 === 'string' && Object.keys(data).length === 1 ? b64 : undefined;
}
