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
export interface NativeGlobals {
  readonly WebSocket: new (url: string, protocols: readonly string[]) => NativeSocket;
}

/** The `readyState` of a connection that is open. */
export const OPEN = 1;
