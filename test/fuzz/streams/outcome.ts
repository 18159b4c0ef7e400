import { createHash } from 'node:crypto';

/** The outcome of a stream, seen from outside. */
export interface Outcome {
  /** Messages in order: `text Hello`, `bytes 0102`. */
  readonly messages: readonly string[];
  /** Payloads of the pongs that were sent, as hex. */
  readonly pongs: readonly string[];
  /** Code of the close frame that was sent: 1005 when it had no code, undefined when none was sent. */
  readonly closeSent: number | undefined;
  /** Code of the close frame that was received, undefined for none. */
  readonly closeReceived: number | undefined;
  /** Code of the error that ended the connection, undefined for none. */
  readonly error: string | undefined;
}

/** Describes a message in a text: the bytes as hex, or their length and hash when there are many. */
export function describeMessage(data: string | Buffer): string {
  const kind = typeof data === 'string' ? 'text' : 'bytes';
  const bytes = Buffer.from(data as string);
  if (bytes.length > 64) return `${kind} ${bytes.length} ${createHash('sha1').update(bytes).digest('hex')}`;
  return `${kind} ${bytes.toString('hex')}`;
}
