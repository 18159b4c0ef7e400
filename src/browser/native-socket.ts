/** What the browser client uses of the browser's own WebSocket. */
export interface NativeSocket {
  readonly readyState: number;
  readonly bufferedAmount: number;
  readonly protocol: string;
  binaryType: string;
  onopen: (() => void) | null;
  onmessage: ((event: { readonly data: string | ArrayBuffer }) => void) | null;
  onclose: ((event: NativeCloseEvent) => void) | null;
  send(data: string | Uint8Array): void;
  close(code?: number, reason?: string): void;
}

/** How a connection, or an attempt, has ended. */
export interface NativeCloseEvent {
  readonly code: number;
  readonly reason: string;
  readonly wasClean: boolean;
}

type NativeClass = new (url: string, protocols: readonly string[]) => NativeSocket;

/** The `readyState` of a connection that is open. */
export const OPEN = 1;

/** Makes an attempt. What the browser refuses at once, it throws. */
export function openNative(url: string, protocols: readonly string[]): NativeSocket {
  const native = new (globalThis as unknown as { readonly WebSocket: NativeClass }).WebSocket(url, protocols);
  native.binaryType = 'arraybuffer';
  return native;
}
