import { type Deadline, timers } from '../base/timers.ts';
import { type EndPhase, type ErrorDetails, FourDError } from '../errors.ts';

/** Bounds the time until the first connection of a client, over all attempts. */
export class ConnectDeadline implements Deadline {
  readonly #timeoutMs: number;
  readonly #onTimeout: (deadline: ConnectDeadline) => void;
  #ticket: number | undefined;
  #message = '';
  #details: ErrorDetails = {};

  /** @param onTimeout - called once, unless {@link stop} is called before */
  constructor(timeoutMs: number, onTimeout: (deadline: ConnectDeadline) => void) {
    this.#timeoutMs = timeoutMs;
    this.#onTimeout = onTimeout;
    this.#ticket = timers.schedule(this, timeoutMs);
  }

  /** Notes why an attempt failed, before user code can change the error. */
  noteFailure(error: FourDError): void {
    const { message, httpStatus, httpHeaders, httpBody } = error;
    this.#message = `; the last attempt failed: ${message}`;
    this.#details = {
      cause: error,
      ...(httpStatus !== undefined && { httpStatus }),
      ...(httpHeaders !== undefined && { httpHeaders }),
      ...(httpBody !== undefined && { httpBody }),
    };
  }

  /** Builds the error of a client whose time is over. */
  toError(phase: EndPhase): FourDError {
    const message = `gave up connecting after ${this.#timeoutMs} ms (connectTimeoutMs)${this.#message}`;
    const own = { componentSignature: 'HTCL', side: 'remote', phase } as const;
    return new FourDError('ERR_CONNECT_TIMEOUT', message, { ...this.#details, ...own });
  }

  stop(): void {
    if (this.#ticket !== undefined) timers.cancel(this, this.#ticket);
    this.#ticket = undefined;
  }

  onDeadline(): void {
    this.#ticket = undefined;
    this.#onTimeout(this);
  }
}
