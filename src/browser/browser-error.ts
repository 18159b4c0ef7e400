import type { ComponentSignature, EndCause, EndPhase, ErrorCode, ErrorItem } from '../errors.ts';

// The numbers of errors that occur in a browser and do not mean a lost connection (1006): those of the table of
// `errors.ts`, whose texts would double the size of the browser client. A test compares the two.

/** The door with topics adds those of topics. */
export const NUMBERS: Readonly<Partial<Record<ErrorCode, number>>> = {
  ERR_INVALID_JSON: 1007,
  ERR_INVALID_UTF8: 1007,
  ERR_CALLBACK_FAILED: 1011,
  ERR_BUFFER_FULL: 1013,
  ERR_NOT_CONNECTED: -20012,
  ERR_RECONNECT_OFF: -20017,
};

/** The errors that begin with `ERR_INVALID_` and have the numbers from -20005 to -20011. */
const INVALID = ['HANDLER', 'URL', 'DATA_TYPE', 'OPTION', 'HEADER', 'MESSAGE', 'CLOSE_ARGUMENT'];

/**
 * The one error class of the library, as in Node: the same codes and numbers, other texts.
 *
 * @remarks Compare `code` (a stable name) or `errCode` (a number, as in 4D), not the message.
 */
export class FourDError extends Error {
  override readonly name = 'FourDError';
  declare readonly code: ErrorCode;
  declare readonly errCode: number;
  declare readonly componentSignature: ComponentSignature;
  declare readonly side: 'local' | 'remote';
  /** Why the connection ended; absent for errors that end no connection. */
  declare endCause?: EndCause;
  /** The phase that the connection was in; absent for errors that end no connection. */
  declare phase?: EndPhase;
  /** The close code of a connection that ends with this error, 1006 when the error has none. */
  declare readonly closeCode: number;
  /** This error as 4D code expects it in `event.errors`. */
  declare readonly item: ErrorItem;

  constructor(code: ErrorCode, message: string, endCause?: EndCause, cause?: unknown) {
    super(message, (cause && { cause }) as ErrorOptions);
    const index = INVALID.indexOf(code.slice('ERR_INVALID_'.length));
    const errCode = index < 0 ? (NUMBERS[code] ?? 1006) : -20005 - index;
    const item = { errCode, message, componentSignature: endCause === 'callback' ? 'host' : 'HTCL' };
    const side = /^[hp]/.test(endCause as string) ? 'remote' : 'local';
    Object.assign(this, item, { code, item, side, endCause, closeCode: Math.max(errCode, 1006) });
  }
}

/** Returns the text of whatever user code, or the browser, threw. Never throws. */
export function textOf(thrown: unknown): string {
  try {
    return String((thrown as Error | undefined)?.message ?? thrown);
  } catch {
    return '';
  }
}

/** Tells the page of an error that no callback receives: as an error that nobody caught. */
export function report(error: unknown): void {
  ((globalThis as { reportError?: (error: unknown) => void }).reportError ?? console.error)(error);
}

/** Builds the error of what the browser, or code of the user, has thrown. */
export function toError(cause: unknown, code: ErrorCode, endCause: EndCause): FourDError {
  return cause instanceof FourDError ? cause : new FourDError(code, textOf(cause), endCause, cause);
}

export function timeoutError(code: ErrorCode, option: string, endCause: EndCause = 'timeout'): FourDError {
  return new FourDError(code, `no answer within ${option}`, endCause);
}
