import { onTestFinished, vi } from 'vitest';
import type { NativeCloseEvent } from '../../src/browser/native-socket.ts';

/** A WebSocket of a browser that the test plays. */
export class FakeNative {
  readonly url: string;
  readonly protocols: readonly string[];
  readyState = 0;
  bufferedAmount = 0;
  protocol = '';
  binaryType = 'blob';
  onopen: (() => void) | null = null;
  onmessage: ((event: { data: string | ArrayBuffer }) => void) | null = null;
  onclose: ((event: NativeCloseEvent) => void) | null = null;
  readonly sent: (string | Uint8Array)[] = [];
  /** The arguments of each close(). */
  readonly closes: unknown[][] = [];

  constructor(url: string, protocols: readonly string[]) {
    this.url = url;
    this.protocols = [...protocols];
  }

  send(data: string | Uint8Array): void {
    this.sent.push(data);
  }

  close(...args: unknown[]): void {
    this.closes.push(args);
    if (this.readyState < 2) this.readyState = 2;
  }

  /** The server accepts. */
  open(protocol = ''): this {
    this.readyState = 1;
    this.protocol = protocol;
    this.onopen?.();
    return this;
  }

  receive(data: string | ArrayBuffer): void {
    // As a browser, which drops what comes after close().
    if (this.readyState === 1) this.onmessage?.({ data });
  }

  /** The connection, or the attempt, is over. */
  end(code = 1006, reason = '', wasClean = code !== 1006): void {
    this.readyState = 3;
    this.onclose?.({ code, reason, wasClean });
  }
}

/** A browser: its WebSockets, its page and its clock, which stands still. */
export interface FakeBrowser {
  /** All WebSockets, in the order in which they were made. */
  readonly natives: readonly FakeNative[];
  /** The newest WebSocket. */
  readonly native: FakeNative;
  readonly document: { hidden: boolean };
  /** Errors that nobody caught. */
  readonly reported: unknown[];
  /** Sends an event to the page. */
  dispatch(type: string, members?: object): void;
  /** How many listeners the page has. */
  readonly listenerCount: number;
  /** What the constructor of WebSocket throws. */
  refusal: unknown;
}

/** Puts the globals of a browser in place for one test. */
export function startFakeBrowser(): FakeBrowser {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] });
  vi.spyOn(Math, 'random').mockReturnValue(0.5);
  const natives: FakeNative[] = [];
  const listeners = new Set<readonly [string, (event: object) => void]>();
  const browser: FakeBrowser = {
    natives,
    get native() {
      return natives.at(-1)!;
    },
    document: { hidden: false },
    reported: [],
    dispatch(type, members) {
      for (const [name, listener] of Array.from(listeners)) if (name === type) listener({ type, ...members });
    },
    get listenerCount() {
      return listeners.size;
    },
    refusal: undefined,
  };
  vi.stubGlobal(
    'WebSocket',
    class extends FakeNative {
      constructor(url: string, protocols: readonly string[]) {
        if (browser.refusal !== undefined) throw browser.refusal;
        super(url, protocols);
        natives.push(this);
      }
    },
  );
  vi.stubGlobal('document', browser.document);
  vi.stubGlobal('reportError', (error: unknown) => browser.reported.push(error));
  vi.stubGlobal('addEventListener', (name: string, listener: (event: object) => void) => {
    listeners.add([name, listener]);
  });
  vi.stubGlobal('removeEventListener', (name: string, listener: (event: object) => void) => {
    for (const entry of listeners) if (entry[0] === name && entry[1] === listener) listeners.delete(entry);
  });
  onTestFinished(() => {
    vi.unstubAllGlobals();
    vi.restoreAllMocks();
    vi.useRealTimers();
  });
  return browser;
}
