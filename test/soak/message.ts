import type { ConnectionPlan, SideName } from './plan.ts';
import { createRandom } from './random.ts';

/** Length of the longest message, in characters or bytes. */
const MAX_LENGTH = 100_000;
/** Messages of at least this length begin with a mark: the connection, the sender and their number. */
const MIN_NUMBERED_LENGTH = 32;

const TEXT = makeText(MAX_LENGTH + 1000);
const BYTES = makeBytes(MAX_LENGTH + 1000);

/** One message of a connection, as it is sent and as it must arrive. */
export interface SoakMessage {
  readonly sent: string | Buffer | object;
  /** `event.data` at the other end. */
  readonly expected: unknown;
  /** Approximate length of the message, for statistics. */
  readonly length: number;
}

/** The form of an object message. */
interface ObjectMessage {
  readonly mark: string;
  readonly text: string;
}

/** Makes message `n` of one side, the same in both processes. */
export function messageOf(plan: ConnectionPlan, sender: SideName, n: number): SoakMessage {
  const random = createRandom(
    plan.seed ^ Math.imul(plan.id * 2 + (sender === 'client' ? 1 : 0), 0x85eb_ca6b) ^ (n * 7919),
  );
  const length = lengthOf(random);
  const offset = Math.floor(random() * 1000);
  const isBinary = random() < 0.5;
  const mark = markOf(plan, sender, n);
  const numbered = length >= MIN_NUMBERED_LENGTH ? mark : '';
  if (plan.dataType === 'object') {
    const message: ObjectMessage = { mark, text: TEXT.slice(offset, offset + length) };
    return { sent: message, expected: message, length };
  }
  // Bytes that arrive as text must be UTF-8.
  if (isBinary && plan.dataType === 'blob') {
    const bytes = Buffer.concat([Buffer.from(numbered), BYTES.subarray(offset, offset + length - numbered.length)]);
    return { sent: bytes, expected: bytes, length };
  }
  const text = numbered + TEXT.slice(offset, offset + length - numbered.length);
  const bytes = Buffer.from(text);
  return { sent: isBinary ? bytes : text, expected: plan.dataType === 'text' ? text : bytes, length };
}

/** Tells whether `data` is the expected message. */
export function isExpected({ expected }: SoakMessage, data: unknown): boolean {
  if (Buffer.isBuffer(expected)) return Buffer.isBuffer(data) && expected.equals(data);
  if (typeof expected === 'string') return data === expected;
  const { mark, text } = expected as ObjectMessage;
  return isObjectMessage(data) && data.mark === mark && data.text === text;
}

/** Returns the mark of a message, or its length when it is too short to have one. */
export function describeMessage(data: unknown): string {
  const text = Buffer.isBuffer(data) ? data.toString('latin1') : isObjectMessage(data) ? data.mark : data;
  if (typeof text !== 'string') return 'data that is no message';
  const mark = /^<[^>]*>/.exec(text)?.[0];
  return mark ?? `a message of length ${text.length} without a mark`;
}

/** Returns the mark of a message, which stands in the message and names it in reports. */
export function markOf(plan: ConnectionPlan, sender: SideName, n: number): string {
  return `<${plan.id} ${sender} ${n}>`;
}

function isObjectMessage(data: unknown): data is ObjectMessage {
  return typeof data === 'object' && data !== null && 'mark' in data && typeof data.mark === 'string' && 'text' in data;
}

/** Picks a length: mostly short, sometimes up to 100 KB, sometimes 0. */
function lengthOf(random: () => number): number {
  const kind = random();
  if (kind < 0.05) return 0;
  if (kind < 0.6) return Math.floor(random() * 200);
  if (kind < 0.9) return Math.floor(random() * 3000);
  if (kind < 0.98) return Math.floor(random() * 20_000);
  return Math.floor(random() * MAX_LENGTH);
}

/** Makes text that compresses like natural text, with characters of one, two and three bytes. */
function makeText(length: number): string {
  const random = createRandom(1);
  const words = ['soak ', 'the ', 'été ', 'price 5 € ', '{"key": "value"} ', 'line\n'];
  let text = '';
  while (text.length < length)
    text += random() < 0.3 ? `${Math.floor(random() * 1e9)} ` : words[Math.floor(random() * words.length)]!;
  return text.slice(0, length);
}

/** Makes bytes of which one half compresses and the other does not. */
function makeBytes(length: number): Buffer {
  const random = createRandom(2);
  return Buffer.from(Array.from({ length }, (_, i) => (i % 512 < 256 ? i & 7 : Math.floor(random() * 256))));
}
