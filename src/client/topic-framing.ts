import type { BacklogMessage } from '../connection/send-backlog.ts';

/** What a frame of the application begins with, when this client has written it. */
const MESSAGE_START = '{"t":"msg","data":';

/**
 * Returns the frame by which topics send a message of the application.
 *
 * @param message - as the user passed it
 * @param wire - the text that a connection without topics would send
 */
export function toFramed(message: unknown, wire: string): string {
  return `${MESSAGE_START}${typeof message === 'string' ? JSON.stringify(wire) : wire}}`;
}

/** Returns a message in the form in which it leaves, whichever connection it was made for. */
export function toOutgoing<Bytes>(data: string | Bytes, hasTopics: boolean): string | Bytes {
  if (typeof data !== 'string') return data;
  const isFramed = data.startsWith(MESSAGE_START);
  if (hasTopics) return isFramed ? data : toFramed(data, data);
  return isFramed ? toUnframed(data) : data;
}

/** Tells a message of the user from a frame of topics, on a connection with topics. */
export function isUserMessage({ data }: BacklogMessage): boolean {
  return typeof data !== 'string' || data.startsWith(MESSAGE_START);
}

/** Returns the message of a frame as a connection without topics would send it. */
function toUnframed(frame: string): string {
  const { data } = JSON.parse(frame) as { readonly data: unknown };
  return typeof data === 'string' ? data : JSON.stringify(data);
}
