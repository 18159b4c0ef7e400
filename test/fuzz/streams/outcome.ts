import { createHash } from 'node:crypto';

/** What became of a stream, seen from outside. */
export interface Outcome {
  /** Messages in order: `text Hello`, `bytes 0102`. */
  readonly messages: readonly string[];
  /** Payloads of the pongs that were sent, as hex. */
  readonly pongs: readonly string[];
  /** The code of the close frame that was sent: 1005 when it had none, undefined when there was no such frame. */
  readonly closeSent: number | undefined;
  /** The code of the close frame that came, undefined when none was taken. */
  readonly closeHeard: number | undefined;
  /** The error of the table that ended the connection, where it is known. */
  readonly error: string | undefined;
}

/** A message as a text: the bytes as hex, or what stands for them when there are many. */
export function describeMessage(data: string | Buffer): string {
  const kind = typeof data === 'string' ? 'text' : 'bytes';
  const bytes = Buffer.from(data as string);
  if (bytes.length > 64) return `${kind} ${bytes.length} ${createHash('sha1').update(bytes).digest('hex')}`;
  return `${kind} ${bytes.toString('hex')}`;
}
