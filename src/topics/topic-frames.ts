import { PreparedMessage } from '../protocol/prepared-message.ts';
import type { FeedEntry, MembersNews } from './feed.ts';
import type { FrameId, FrameProblem } from './frame-reader.ts';
import type { FrameLimits, ServerFrame } from './frames.ts';
import type { Position } from './position.ts';
import type { GapReason, Members, Published } from './topic-handler.ts';
import { shownTopic } from './user-topic.ts';

/** The ways in which one message of a topic is sent. */
type MessageForm = 'live' | 'replayed' | 'state' | 'bare';

/** The frames of one entry, each built when it is first sent. All connections of the process share them. */
type EntryFrames = Partial<Record<MessageForm, PreparedMessage>>;

/** Returns the `m` frame of an entry. */
export function messageFrame(entry: FeedEntry, form: Exclude<MessageForm, 'bare'>): PreparedMessage {
  const frames = framesOf(entry);
  return (frames[form] ??= new PreparedMessage(
    `{"t":"m","topic":${JSON.stringify(shownTopic(entry.topic))},${members(entry, form)}}`,
  ));
}

/**
 * Returns the message of an entry for a connection that does not speak the protocol of topics: a string as it is, other
 * JSON as JSON, bytes as a binary message.
 */
export function bareMessage(entry: FeedEntry): PreparedMessage {
  const frames = framesOf(entry);
  return (frames.bare ??= new PreparedMessage(toBare(entry.data)));
}

function framesOf(entry: FeedEntry): EntryFrames {
  entry.prepared ??= {};
  return entry.prepared as EntryFrames;
}

function toBare(data: string | Buffer): string | Buffer {
  return typeof data === 'string' && data.startsWith('"') ? (JSON.parse(data) as string) : data;
}

/** The members of an `m` frame behind its topic, as text around the publisher's JSON, which is not parsed again. */
function members(entry: FeedEntry, form: MessageForm): string {
  const { position, from, data } = entry;
  const { at, key } = entry.entry;
  // A state is not a place in the log: who is cut off within it asks for the state again.
  const pos = position === undefined || form === 'state' ? '' : `"pos":"${position}",`;
  return (
    `${pos}"at":${at},"data":${typeof data === 'string' ? data : bytesText(data)}` +
    (key === undefined ? '' : `,"key":${JSON.stringify(key)}`) +
    (from === undefined ? '' : `,"from":${JSON.stringify(from)}`) +
    (form === 'live' ? '' : ',"r":1')
  );
}

function bytesText(bytes: Buffer): string {
  return `{"b64":"${bytes.toString('base64')}"}`;
}

/** Returns data as a frame holds it: JSON as it is, bytes as `{b64}`. */
function frameData(data: string | Buffer): string {
  return typeof data === 'string' ? data : bytesText(data);
}

export function hiFrame(session: string, aliveMs: number, limits: FrameLimits): string {
  return write({ t: 'hi', v: 1, session, aliveMs, limits });
}

/** A frame whose members may be undefined: JSON leaves them out. */
type Loosened<F> = F extends unknown ? { readonly [K in keyof F]: F[K] | undefined } : never;

function write(frame: Loosened<ServerFrame>): string {
  return JSON.stringify(frame);
}

export const ALIVE_FRAME = '{"t":"alive"}';

/** What a subscription begins with. */
export interface SubbedFacts {
  readonly state: 'new' | 'recovered' | 'gap';
  readonly reason?: 'trimmed' | 'epoch' | 'forked' | undefined;
  readonly missed: number;
  readonly position: Position | undefined;
}

export function subbedFrame(topic: string, { state, reason, missed, position }: SubbedFacts, isAsked: boolean): string {
  const details = { ...(missed > 0 && { missed }), ...(!isAsked && { unasked: true as const }) };
  return write({ t: 'subbed', topic, pos: position, state, reason, ...details });
}

export function liveFrame(topic: string, pos: Position): string {
  return write({ t: 'live', topic, pos });
}

export function gapFrame(topic: string, pos: Position, reason: GapReason): string {
  return write({ t: 'gap', topic, pos, reason });
}

export function unsubbedFrame(topic: string, code: string, message: string): string {
  return write({ t: 'unsubbed', topic, code, message });
}

export function publishedFrame(id: FrameId, { position, duplicate }: Published): string {
  return write({ t: 'ok', id, pos: position, ...(duplicate && { dup: true }) });
}

/** @param data - JSON text, or bytes */
export function answerFrame(id: FrameId, data: string | Buffer): string {
  return `{"t":"ok","id":${JSON.stringify(id)},"data":${frameData(data)}}`;
}

export function problemFrame({ id, topic, code, message, retryMs }: FrameProblem): string {
  return write({ t: 'err', id, topic, code, message, retryMs });
}

export function historyFrame(id: FrameId, entries: readonly FeedEntry[], hasMore: boolean): string {
  const msgs = entries.map((entry) => `{${members(entry, 'live')}}`).join(',');
  return `{"t":"hist","id":${JSON.stringify(id)},"msgs":[${msgs}],"more":${hasMore}}`;
}

/** A message of the application. @param json - JSON text of the data */
export function applicationFrame(json: string): string {
  return `{"t":"msg","data":${json}}`;
}

/** Returns the `who` frame of what has changed, or of all members. All connections of the process share it. */
export function membersFrame(news: MembersNews): PreparedMessage {
  const { topic, count, list, join, leave } = news;
  news.prepared ??= new PreparedMessage(JSON.stringify({ t: 'who', topic, count, list, join, leave }));
  return news.prepared as PreparedMessage;
}

export function askedMembersFrame(topic: string, id: FrameId, { count, list }: Members): string {
  // An empty list that is not all members says that there are too many.
  return write({ t: 'who', topic, count, list: list.length === count ? list : undefined, id });
}

export function moveFrame(afterMs: number): string {
  return write({ t: 'move', afterMs });
}
