import type { ErrorCode } from '../errors.ts';
import type { TopicsHost } from './client-host.ts';
import type { RequestOptions } from './client-types.ts';
import { type Loose, toText, toWait } from './frame-data.ts';

/** How long an unanswered publication is sent again after each reconnection. The server knows it for 120 s. */
const PUBLISH_TIMEOUT_MS = 100_000;

const CALL_TIMEOUT_MS = 10_000;

/** A server takes so many publications a second, and more at once: half of them in half the time stay below. */
const PACE_MS = 500;

/** Publications that are sent before the server has told its limits. */
const FIRST_PUBLICATIONS = 20;

/** Most calls that wait for an answer. */
const MOST_CALLS = 10_000;

/** A frame that the server answers. `mid` belongs to publications that are stored. */
interface CallFrame {
  readonly t: 'pub' | 'req' | 'hist' | 'who';
  readonly topic?: string;
  readonly mid?: string | undefined;
  readonly volatile?: true | undefined;
}

interface Call {
  readonly text: string;
  readonly isPublication: boolean;
  /** Whether it is sent again with each connection. */
  readonly isRepeated: boolean;
  readonly timeoutMs: number;
  /** Whether it was ever sent. */
  isSent: boolean;
  /** Whether it was sent on this connection, and waits for its answer. */
  isOut: boolean;
  timer: unknown;
  resolve(frame: Loose): void;
  reject(error: Error): void;
}

/** The calls of a client that wait for an answer of the server, in order. */
export class ClientCalls {
  readonly #host: TopicsHost;
  readonly #calls = new Map<unknown, Call>();
  #lastId = 0;
  /** True while there is a connection. */
  #isOpen = false;
  /** How many publications may be sent until the pacer is due; how many then. */
  #left = 0;
  #atOnce = Infinity;
  /** The timer that runs while publications are counted. */
  #pacer: unknown;

  constructor(host: TopicsHost) {
    this.#host = host;
  }

  /**
   * Sends a frame, now or when there is a connection. The time for a publication that is stored begins when it is first
   * sent. Volatile ones need a connection.
   *
   * @param data - JSON of the member `data`
   * @returns the frame that answers
   */
  async send(frame: CallFrame, data?: string, { timeoutMs, signal }: RequestOptions = {}): Promise<Loose> {
    const id = ++this.#lastId;
    const text = JSON.stringify({ ...frame, id });
    const isPublication = frame.t === 'pub';
    if (frame.volatile && !(this.#isOpen && this.#left > 0)) {
      throw this.#host.toError('ERR_NOT_CONNECTED', 'no room for a volatile message', { stored: 'no' });
    }
    if (this.#calls.size >= MOST_CALLS) {
      throw this.#host.toError('ERR_OUTBOX_FULL', 'too many calls wait', { stored: 'no' });
    }
    const onAbort = (): void =>
      this.#take(id)?.reject(this.#host.toError('ERR_ABORTED', 'aborted', { cause: signal?.reason }));
    signal?.addEventListener('abort', onAbort);
    try {
      return await new Promise<Loose>((resolve, reject) => {
        const call: Call = {
          text: data ? `${text.slice(0, -1)},"data":${data}}` : text,
          isPublication,
          isRepeated: !!frame.mid || /hist|who/.test(frame.t),
          timeoutMs: timeoutMs ?? (isPublication ? PUBLISH_TIMEOUT_MS : CALL_TIMEOUT_MS),
          isSent: false,
          isOut: false,
          timer: undefined,
          resolve,
          reject,
        };
        this.#calls.set(id, call);
        if (!isPublication) this.#startTimer(id, call);
        if (signal?.aborted) onAbort();
        else this.#sendCall(id, call);
        this.#host.onCalls?.(this.#calls.size);
      });
    } finally {
      signal?.removeEventListener('abort', onAbort);
    }
  }

  /** There is a connection: sends what was not answered, in order. */
  open(): void {
    this.#isOpen = true;
    this.#left = FIRST_PUBLICATIONS;
    for (const call of this.#calls.values()) call.isOut = false;
    this.#sendAll();
  }

  /** The server has told how many publications it takes in a second. */
  pace(perSecond: number): void {
    this.#atOnce = Math.max(1, perSecond / 2);
    this.#left = this.#atOnce;
    this.#sendAll();
  }

  /** The connection is lost. What may not be sent twice fails. */
  lose(): void {
    this.#isOpen = false;
    this.#stopPacer();
    for (const [id, { isSent, isRepeated }] of this.#calls) {
      if (isSent && !isRepeated) this.#fail(id, 'ERR_CONNECTION_LOST', 'the connection was lost');
    }
  }

  /** There will be no connection any more, or none that knows topics: all calls fail. */
  end(why: string): void {
    this.#isOpen = false;
    this.#stopPacer();
    for (const id of this.#calls.keys()) this.#fail(id, 'ERR_NOT_CONNECTED', why);
  }

  onAnswer(frame: Loose): void {
    const { t, id, code, message, retryMs } = frame;
    const call = this.#calls.get(id);
    if (t !== 'err') this.#take(id)?.resolve(frame);
    else if (retryMs && call?.isPublication && call.isRepeated) {
      // The broker is away, or it came too soon behind the others: it waits for its turn again, and has its id.
      call.isOut = false;
      this.#left = 0;
      this.#startPacer(toWait(retryMs));
    } else {
      // A server that failed, or whose broker does not answer, may have stored a message all the same.
      const stored = code === 'failed' || code === 'broker-down' ? 'unknown' : 'no';
      const error = this.#host.toError('ERR_TOPIC_REFUSED', `${toText(code)}: ${toText(message)}`, { stored });
      this.#take(id)?.reject(error);
    }
  }

  #sendAll(): void {
    for (const [id, call] of this.#calls) this.#sendCall(id, call);
  }

  #sendCall(id: unknown, call: Call): void {
    if (call.isOut || !this.#isOpen || (call.isPublication && this.#left < 1)) return;
    if (call.isPublication) {
      if (!call.isSent) this.#startTimer(id, call);
      this.#left--;
      this.#startPacer(PACE_MS);
    }
    call.isSent = call.isOut = true;
    this.#host.send(call.text);
  }

  #startPacer(ms: number): void {
    this.#pacer ??= this.#host.after(ms, () => {
      this.#pacer = undefined;
      this.#left = this.#atOnce;
      this.#sendAll();
    });
  }

  #stopPacer(): void {
    this.#host.cancel(this.#pacer);
    this.#pacer = undefined;
  }

  #startTimer(id: unknown, call: Call): void {
    const { timeoutMs } = call;
    call.timer = this.#host.after(timeoutMs, () =>
      this.#fail(id, 'ERR_REQUEST_TIMEOUT', `no answer within ${timeoutMs} ms`),
    );
  }

  #fail(id: unknown, code: ErrorCode, why: string): void {
    const call = this.#take(id);
    if (!call) return;
    const { isPublication, isSent } = call;
    const stored = isSent ? 'unknown' : 'no';
    call.reject(
      this.#host.toError(isPublication && isSent ? 'ERR_PUBLISH_UNKNOWN' : code, why, isPublication ? { stored } : {}),
    );
  }

  /** Takes a call out, because it is settled. */
  #take(id: unknown): Call | undefined {
    const call = this.#calls.get(id);
    this.#host.cancel(call?.timer);
    this.#calls.delete(id);
    this.#host.onCalls?.(this.#calls.size);
    return call;
  }
}
