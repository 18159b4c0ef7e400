import { constants, inflateRawSync } from 'node:zlib';
import { lengthOfFrame, otherRole, readFrames, type SeenFrame } from '../../helpers/frames.ts';
import type { Role } from '../../../src/protocol/constants.ts';
import type { Outcome } from './outcome.ts';
import type { StreamCase } from './stream-case.ts';

/** Something that this library and `ws` do not do in the same way, both with a reason. */
interface Difference {
  readonly name: string;
  readonly explanation: string;
  /** Whether it explains these outcomes. */
  explains(stream: StreamCase, ours: Outcome, theirs: Outcome): boolean;
}

/** All that is known. Whatever none of these explains is a mistake, in one of both. */
const KNOWN_DIFFERENCES: readonly Difference[] = [
  {
    name: 'length not minimal',
    explanation:
      'RFC 6455 section 5.2 demands the shortest form of a length. ws takes any; this library refuses with 1002.',
    explains: (_stream, ours, theirs) => ours.error === 'ERR_LENGTH_NOT_MINIMAL' && goesFurther(ours, theirs),
  },
  {
    name: 'invalid UTF-8 before the end of the message',
    explanation:
      'ws looks at the text of a message when it is complete; this library at each piece, so that it ends the connection ' +
      'with 1007 earlier, and what stands behind that piece counts no more.',
    explains: ({ bytes }, ours, theirs) =>
      ours.error === 'ERR_INVALID_UTF8' &&
      ours.closeSent === 1007 &&
      hasFragmentOrCut(bytes) &&
      goesFurther(ours, theirs),
  },
  {
    name: 'too many fragments',
    explanation: 'ws counts a fragment when it is complete; this library when its header is. Its end never comes.',
    explains: (_stream, ours, theirs) => ours.error === 'ERR_TOO_MANY_FRAGMENTS' && goesFurther(ours, theirs),
  },
  {
    name: 'a header without its end',
    explanation:
      'ws judges a frame as soon as its first two bytes and its length are there; this library judges the rules of messages ' +
      'and sizes when the whole header is, with the key. The rest of the header never comes.',
    explains: ({ bytes }, ours, theirs) =>
      ours.error === undefined && ours.closeHeard === undefined && endsInHeader(bytes) && goesFurther(theirs, ours),
  },
  {
    name: 'a close frame of one byte that never comes',
    explanation: 'ws refuses the length of the frame; this library what is in it.',
    explains: (_stream, ours, theirs) =>
      ours.error === undefined &&
      ours.closeHeard === undefined &&
      theirs.error === 'WS_ERR_INVALID_CONTROL_PAYLOAD_LENGTH' &&
      goesFurther(theirs, ours),
  },
  {
    name: 'bytes behind a final block',
    explanation:
      'Behind a final block of deflate a message goes on (RFC 7692 sections 7.2.1 and 7.2.3.4), as far as to an empty block. ' +
      'ws drops what stands there; this library inflates it, and refuses what cannot be inflated.',
    explains: (stream, ours, theirs) =>
      stream.deflates && isSameBefore(messagesOf(stream).findIndex(hasMoreBehindFinalBlock), ours, theirs),
  },
  {
    name: 'fragments of a compressed message',
    explanation:
      'ws inflates each fragment as it comes; this library the message when it is complete. What is wrong in an early ' +
      'fragment ends the connection at ws before something that stands behind it.',
    explains: ({ deflates }, ours, theirs) =>
      deflates && INFLATING_ERRORS.has(theirs.error ?? '') && goesFurther(theirs, ours),
  },
];

/** The errors of ws that come from inflating. */
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

/** The messages that are complete. */
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

/** The frames up to the first that is cut or not as it should be. */
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

/** @param count - messages that must be the same, -1 for all */
function isSameBefore(count: number, ours: Outcome, theirs: Outcome): boolean {
  return count >= 0 && ours.messages.slice(0, count).join('\n') === theirs.messages.slice(0, count).join('\n');
}

/** Whether the stream stops within the header of a frame. */
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

/** Whether one outcome begins with what the other one is. */
function goesFurther(near: Outcome, far: Outcome): boolean {
  return (
    near.messages.every((message, i) => message === far.messages[i]) &&
    near.pongs.every((pong, i) => pong === far.pongs[i])
  );
}

/** Whether a text message is not whole in one frame that has come. */
function hasFragmentOrCut(bytes: Buffer): boolean {
  for (let offset = 0; offset < bytes.length;) {
    const length = lengthOfFrame(bytes.subarray(offset));
    const isText = (bytes[offset]! & 0x0f) === 1;
    if (length === undefined || offset + length > bytes.length || (isText && bytes[offset]! < 0x80)) return true;
    offset += length;
  }
  return false;
}

/** What others see of both that is not the same, `''` for nothing that is not known. */
export function compareOutcomes(stream: StreamCase, ours: Outcome, theirs: Outcome): string {
  if (visibleOf(ours) === visibleOf(theirs)) return '';
  if (KNOWN_DIFFERENCES.some((difference) => difference.explains(stream, ours, theirs))) return '';
  return `this library: ${visibleOf(ours)} (${ours.error})\nws:           ${visibleOf(theirs)} (${theirs.error})`;
}

function visibleOf({ messages, pongs, closeSent, closeHeard }: Outcome): string {
  return JSON.stringify({ messages, pongs, closeSent: closeSent ?? 'none', closeHeard: closeHeard ?? 'none' });
}
