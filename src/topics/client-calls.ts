import type { ErrorCode } from '../errors.ts';
import type { TopicErrorDetails, TopicsHost } from './client-host.ts';
import type { RequestOptions } from './client-types.ts';
import { type Loose, toJson, toWait } from './frame-data.ts';
import type { Publishable } from './topic-handler.ts';

/** How long an unanswered publication is sent again after each reconnection. The server knows it for 120 s. */
const PUBLISH_TIMEOUT_MS = 100_000;

const CALL_TIMEOUT_MS = 10_000;

/** A server takes so many publications a second, and more at once: half of them in half the time stay below. */
const PACE_MS = 500;

/** Publications that are sent before the server has told its limits. */
const FIRST_PUBLICATIONS = 20;

/** Most calls that wait for an answer. */
const MOST_CALLS = 10_000;

/** A frame that the server answers, with the data of the user as it was passed. */
export interface CallFrame {
  readonly t: 'pub' | 'req' | 'hist' | 'who';
  readonly topic?: string;
  readonly data?: Publishable;
  readonly volatile?: boolean | undefined;
  readonly [name: string]: unknown;
}

interface Call extends Pick<CallFrame, 't' | 'volatile'> {
  readonly id: number;
  readonly text: string;
  readonly timeoutMs: number;
  /** Whether it was sent on this connection, and waits for its answer. */
  isOut: boolean;
  /** The timer of its timeout: a publication has none until it is sent for the first time. */
  timer?: unknown;
  resolve(frame: Loose): void;
  reject(error: Error): void;
}

/** The calls of a client that wait for an answer of the server, in order. */
export class ClientCalls {
  readonly #host: TopicsHost;
  readonly #calls = new Map<unknown, Call>();
  #lastId = 0;
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
   * @returns the frame that answers
   * @throws FourDError (as a rejection) also `ERR_INVALID_MESSAGE`
   */
  send(
    frame: CallFrame,
    { timeoutMs = frame.t === 'pub' ? PUBLISH_TIMEOUT_MS : CALL_TIMEOUT_MS, signal }: RequestOptions = {},
  ): Promise<Loose> {
    const { t, data, volatile } = frame;
    const id = ++this.#lastId;
    let onAbort!: () => void;
    return new Promise<Loose>((resolve, reject) => {
      const text = JSON.stringify({ ...frame, data: undefined, id });
      const call: Call = {
        t,
        volatile,
        id,
        text: 'data' in frame ? `${text.slice(0, -1)},"data":${toJson(data as Publishable, this.#host)}}` : text,
        timeoutMs,
        isOut: false,
        resolve,
        reject,
      };
      onAbort = () => this.#fail(call, 'ERR_ABORTED', 'aborted', { cause: signal?.reason });
      signal?.addEventListener('abort', onAbort);
      this.#calls.set(id, call);
      if (signal?.aborted) onAbort();
      else if (this.#calls.size > MOST_CALLS) this.#fail(call, 'ERR_OUTBOX_FULL', 'too many calls');
      else this.#send(call);
      if (volatile && !call.isOut) this.#fail(call, 'ERR_NOT_CONNECTED', 'no room');
    }).finally(() => signal?.removeEventListener('abort', onAbort));
  }

  /**
   * Sends in order what was not answered: there is a connection, or room for publications.
   *
   * @param left - how many publications may be sent now
   * @param atOnce - how many later, each time that the pacer is due
   */
  pace(left: number = FIRST_PUBLICATIONS, atOnce: number = this.#atOnce): void {
    this.#left = left;
    this.#atOnce = atOnce;
    for (const call of this.#calls.values()) this.#send(call);
  }

  /** The connection is lost. What may not be sent twice fails. */
  lose(): void {
    this.#host.cancel(this.#pacer);
    this.#pacer = undefined;
    for (const call of this.#calls.values()) {
      if (!call.isOut) continue;
      call.isOut = false;
      if (call.volatile || call.t === 'req') this.#fail(call, 'ERR_CONNECTION_LOST', 'lost');
    }
  }

  /** There will be no connection any more, or none that knows topics: all calls fail. {@link lose} was called before. */
  end(why: string): void {
    for (const call of this.#calls.values()) this.#fail(call, 'ERR_NOT_CONNECTED', why);
  }

  onAnswer(frame: Loose): void {
    const { t, id, code, message, retryMs } = frame;
    const call = this.#calls.get(id);
    if (!call) return;
    if (t !== 'err') this.#settle(call).resolve(frame);
    else if (retryMs && call.t === 'pub' && !call.volatile) {
      // The broker is away, or it came too soon behind the others: it waits for its turn again, and has its id. The server
      // refuses what was sent behind it too, and keeps their order.
      call.isOut = false;
      this.#left = 0;
      this.#startPacer(toWait(retryMs));
    } else {
      // A server that failed, or whose broker does not answer, may have stored a message all the same.
      const stored = code === 'failed' || code === 'broker-down' ? 'unknown' : 'no';
      this.#fail(call, 'ERR_TOPIC_REFUSED', `${code as string}: ${message as string}`, { stored });
    }
  }

  #send(call: Call): void {
    const { t, timeoutMs } = call;
    const isPublication = t === 'pub';
    const isDue = this.#host.isOn && !call.isOut && !(isPublication && this.#left <= 0);
    if (isDue || !isPublication) {
      call.timer ??= this.#host.after(timeoutMs, () =>
        this.#fail(call, 'ERR_REQUEST_TIMEOUT', `no answer within ${timeoutMs} ms`),
      );
    }
    if (!isDue) return;
    if (isPublication) {
      this.#left--;
      this.#startPacer(PACE_MS);
    }
    call.isOut = true;
    this.#host.send(call.text);
  }

  #startPacer(ms: number): void {
    this.#pacer ??= this.#host.after(ms, () => {
      this.#pacer = undefined;
      this.pace(this.#atOnce);
    });
  }

  /** @param details - what the error tells; without them, of a publication, whether it was stored */
  #fail(call: Call, code: ErrorCode, why: string, details?: TopicErrorDetails): void {
    const { t, timer } = this.#settle(call);
    const isPublication = t === 'pub';
    // A publication that was sent may have been stored.
    const isUnknown = !details && isPublication && timer;
    call.reject(
      this.#host.toError(
        isUnknown ? 'ERR_PUBLISH_UNKNOWN' : code,
        why,
        details ?? (isPublication ? { stored: isUnknown ? 'unknown' : 'no' } : undefined),
      ),
    );
  }

  #settle(call: Call): Call {
    this.#host.cancel(call.timer);
    this.#calls.delete(call.id);
    return call;
  }
}
