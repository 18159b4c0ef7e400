import type { ErrorCode, FourDError } from '../errors.ts';

// Bound when the library is loaded: what a program replaces later is its own.
const captureStackTrace = Error.captureStackTrace.bind(Error);

/** Errors that count as those of this program, and still come from the event loop. */
const TOLD_LATER: ReadonlySet<string> = new Set<ErrorCode>([
  'ERR_ABORTED',
  'ERR_CONNECT_FAILED',
  'ERR_WEB_SERVER_CERTIFICATE',
  'ERR_WEB_SERVER_LISTEN',
]);

/**
 * The place in the program that made a client, or a server that listens. A failure of the network comes later, from the
 * event loop, so its own stack would lead nowhere.
 *
 * @remarks Making one takes 3 µs, and 900 bytes until it is dropped. The text, which takes longer, is made when a program
 * reads it.
 */
export class CallSite {
  declare readonly stack?: unknown;

  /** @param callee - the function or class whose caller is wanted */
  constructor(callee: object) {
    captureStackTrace(this, callee as () => void);
  }

  /** Gives an error that came later a stack that leads to this place. Others keep their own. Never throws. */
  giveTo(error: FourDError): void {
    try {
      if (error.side === 'local' && !TOLD_LATER.has(error.code)) return;
      const header = `${error.name}: ${error.message}`;
      Reflect.defineProperty(error, 'stack', {
        configurable: true,
        enumerable: false,
        get: () => header + this.#frames,
        // Programs assign to the stack of errors.
        set: (value: unknown) => {
          Reflect.defineProperty(error, 'stack', { value, writable: true });
        },
      });
    } catch {
      // An error that user code has thrown may have getters that throw.
    }
  }

  /** The lines of the stack, each with a line break in front. Empty where the program has made the stack something else. */
  get #frames(): string {
    const { stack } = this;
    if (typeof stack !== 'string') return '';
    const start = stack.indexOf('\n');
    return start < 0 ? '' : stack.slice(start);
  }
}
