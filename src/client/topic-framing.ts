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

/** Returns a message as a connection without topics sends it, whichever connection it was made for. */
export function toUnframed<Bytes>(data: string | Bytes): string | Bytes {
  if (typeof data !== 'string' || !data.startsWith(MESSAGE_START)) return data;
  const { data: message } = JSON.parse(data) as { readonly data: unknown };
  return typeof message === 'string' ? message : JSON.stringify(message);
}

/** Tells whether a message that goes out is a frame of the application. */
export function isFramed(data: unknown): data is string {
  return typeof data === 'string' && data.startsWith(MESSAGE_START);
}

/** Tells a message of the user from a frame of topics, on a connection with topics. */
export function isUserMessage({ data }: BacklogMessage): boolean {
  return typeof data !== 'string' || isFramed(data);
}
