import { toError } from './browser-error.ts';

/** What the browser tells of a WebSocket. */
export interface NativeListener {
  readonly onopen: () => void;
  readonly onmessage: (event: { readonly data: string | ArrayBuffer }) => void;
  readonly onclose: (event: NativeCloseEvent) => void;
}

/** What the browser client uses of the browser's own WebSocket. */
export interface NativeSocket {
  readonly readyState: number;
  readonly bufferedAmount: number;
  readonly protocol: string;
  send(data: string | Uint8Array): void;
  close(code?: number, reason?: string): void;
}

/** How a connection, or an attempt, has ended. */
export interface NativeCloseEvent {
  readonly code: number;
  readonly reason?: string;
  readonly wasClean?: boolean;
}

/** Where the class of the browser is looked up at each attempt, so that a page may replace it by that of a test. */
interface NativeGlobals {
  readonly WebSocket: new (url: string, protocols: readonly string[]) => NativeSocket;
}

/** The `readyState` of a connection that is open. */
export const OPEN = 1;

/**
 * Makes an attempt.
 *
 * @throws FourDError `ERR_INVALID_OPTION`: what the browser refuses at once
 */
export function connect(url: string, protocols: readonly string[], listener: NativeListener): NativeSocket {
  try {
    return Object.assign(new (globalThis as unknown as NativeGlobals).WebSocket(url, protocols), {
      binaryType: 'arraybuffer',
      ...listener,
    });
  } catch (thrown) {
    throw toError(thrown, 'ERR_INVALID_OPTION', 'invalid');
  }
}
