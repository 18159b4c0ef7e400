import { constants, inflateRawSync } from 'node:zlib';
import { lengthOfFrame, otherRole, readFrames, type SeenFrame } from '../../helpers/frames.ts';
import type { Role } from '../../../src/protocol/constants.ts';
import type { Outcome } from './outcome.ts';
import type { StreamCase } from './stream-case.ts';

/** A behaviour in which this library and `ws` differ, each with a reason. */
interface Difference {
  readonly name: string;
  readonly explanation: string;
  /** Whether the difference explains these outcomes. */
  explains(stream: StreamCase, ours: Outcome, theirs: Outcome): boolean;
}

/** All known differences. An unexplained difference is a bug in one of the two. */
const KNOWN_DIFFERENCES: readonly Difference[] = [
  {
    name: 'length not minimal',
    explanation:
      'RFC 6455 section 5.2 demands the shortest form of a length. ws accepts all; this library refuses with 1002.',
    explains: (_stream, ours, theirs) => ours.error === 'ERR_LENGTH_NOT_MINIMAL' && isPrefixOf(ours, theirs),
  },
  {
    name: 'invalid UTF-8 before the end of the message',
    explanation:
      'ws validates the text of a message when it is complete, this library each piece of it, so that it ends the ' +
      'connection with 1007 earlier, and ignores the bytes behind that piece.',
    explains: ({ bytes }, ours, theirs) =>
      ours.error === 'ERR_INVALID_UTF8' &&
      ours.closeSent === 1007 &&
      hasFragmentOrCut(bytes) &&
      isPrefixOf(ours, theirs),
  },
  {
    name: 'too many fragments',
    explanation:
      'ws counts a fragment when it is complete, this library when its header is. Here the fragment never ends.',
    explains: (_stream, ours, theirs) => ours.error === 'ERR_TOO_MANY_FRAGMENTS' && isPrefixOf(ours, theirs),
  },
  {
    name: 'an incomplete header',
    explanation:
      'ws checks a frame as soon as its first two bytes and its length are there, this library the rules of messages ' +
      'and sizes when the whole header is there, with the key. Here the rest of the header never comes.',
    explains: ({ bytes }, ours, theirs) =>
      ours.error === undefined && ours.closeReceived === undefined && endsInHeader(bytes) && isPrefixOf(theirs, ours),
  },
  {
    name: 'an incomplete close frame of one byte',
    explanation: 'ws refuses the length of the frame, this library its payload, which never comes here.',
    explains: (_stream, ours, theirs) =>
      ours.error === undefined &&
      ours.closeReceived === undefined &&
      theirs.error === 'WS_ERR_INVALID_CONTROL_PAYLOAD_LENGTH' &&
      isPrefixOf(theirs, ours),
  },
  {
    name: 'bytes behind a final block',
    explanation:
      'A message may go on behind a final block of deflate (RFC 7692 sections 7.2.1 and 7.2.3.4), up to an empty ' +
      'block. ws drops the bytes there; this library inflates them, and refuses bytes that cannot be inflated.',
    explains: (stream, ours, theirs) =>
      stream.deflates && isSameBefore(messagesOf(stream).findIndex(hasMoreBehindFinalBlock), ours, theirs),
  },
  {
    name: 'fragments of a compressed message',
    explanation:
      'ws inflates each fragment as it comes, this library the message when it is complete. An error in an early ' +
      'fragment ends the connection of ws before an error behind that fragment does.',
    explains: ({ deflates }, ours, theirs) =>
      deflates && INFLATING_ERRORS.has(theirs.error ?? '') && isPrefixOf(theirs, ours),
  },
];

/** Errors of ws while inflating. */
const INFLATING_ERRORS: ReadonlySet<string> = new Set([
  'Z_DATA_ERROR',
  'Z_BUF_ERROR',
  'WS_ERR_UNSUPPORTED_MESSAGE_LENGTH',
]);

const TAIL = Buffer.from('0000ffff', 'hex');

interface WholeMessage {
  readonly payload: Buffer;
  readonly isCompressed: boolean;
}

function hasMoreBehindFinalBlock({ payload, isCompressed }: WholeMessage): boolean {
  if (!isCompressed) return false;
  const input = Buffer.concat([payload, TAIL]);
  try {
    const result = inflateRawSync(input, { finishFlush: constants.Z_SYNC_FLUSH, info: true });
    const { engine } = result as unknown as { readonly engine: { readonly bytesWritten: number } };
    return engine.bytesWritten < input.length;
  } catch {
    return false;
  }
}

/** Reads the complete messages of a stream. */
function messagesOf({ role, bytes }: StreamCase): WholeMessage[] {
  const messages: WholeMessage[] = [];
  let parts: Buffer[] = [];
  let isCompressed = false;
  for (const { first, payload } of readableFrames(bytes, otherRole(role))) {
    const opcode = first & 0x0f;
    if (opcode >= 8) continue;
    if (opcode > 0) {
      parts = [];
      isCompressed = (first & 0x40) !== 0;
    }
    parts.push(payload);
    if (first >= 0x80) messages.push({ payload: Buffer.concat(parts), isCompressed });
  }
  return messages;
}

/** Reads the frames before the first incomplete or invalid one. */
function readableFrames(bytes: Buffer, sender: Role): SeenFrame[] {
  const frames: SeenFrame[] = [];
  for (let offset = 0; offset < bytes.length;) {
    const end = offset + (lengthOfFrame(bytes.subarray(offset)) ?? Infinity);
    try {
      frames.push(...readFrames(bytes.subarray(offset, end), sender));
    } catch {
      break;
    }
    offset = end;
  }
  return frames;
}

/** @param count - number of messages that must be the same; -1 for no such number: the result is false */
function isSameBefore(count: number, ours: Outcome, theirs: Outcome): boolean {
  return count >= 0 && ours.messages.slice(0, count).join('\n') === theirs.messages.slice(0, count).join('\n');
}

/** Whether the stream ends within the header of a frame. */
function endsInHeader(bytes: Buffer): boolean {
  let offset = 0;
  for (;;) {
    const length = lengthOfFrame(bytes.subarray(offset));
    if (length === undefined || offset + length > bytes.length) break;
    offset += length;
  }
  const rest = bytes.subarray(offset);
  const lengthBytes = rest.length < 2 ? 0 : ([2, 8][(rest[1]! & 0x7f) - 126] ?? 0);
  return rest.length > 0 && rest.length < 2 + lengthBytes + (rest.length > 1 && rest[1]! >= 0x80 ? 4 : 0);
}

/** Whether the messages and pongs of one outcome are the first ones of another. */
function isPrefixOf(prefix: Outcome, whole: Outcome): boolean {
  return (
    prefix.messages.every((message, i) => message === whole.messages[i]) &&
    prefix.pongs.every((pong, i) => pong === whole.pongs[i])
  );
}

/** Whether a text message is fragmented, or its frame incomplete. */
function hasFragmentOrCut(bytes: Buffer): boolean {
  for (let offset = 0; offset < bytes.length;) {
    const length = lengthOfFrame(bytes.subarray(offset));
    const isText = (bytes[offset]! & 0x0f) === 1;
    if (length === undefined || offset + length > bytes.length || (isText && bytes[offset]! < 0x80)) return true;
    offset += length;
  }
  return false;
}

/** Compares two outcomes. Returns a report of a difference that is not known, `''` for none. */
export function compareOutcomes(stream: StreamCase, ours: Outcome, theirs: Outcome): string {
  if (visibleOf(ours) === visibleOf(theirs)) return '';
  if (KNOWN_DIFFERENCES.some((difference) => difference.explains(stream, ours, theirs))) return '';
  return `this library: ${visibleOf(ours)} (${ours.error})\nws:           ${visibleOf(theirs)} (${theirs.error})`;
}

function visibleOf({ messages, pongs, closeSent, closeReceived }: Outcome): string {
  return JSON.stringify({ messages, pongs, closeSent: closeSent ?? 'none', closeReceived: closeReceived ?? 'none' });
}
