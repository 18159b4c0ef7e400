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

/**
 * `publish`: sent again with each connection; the time for it begins when it is first sent. `volatile`: dropped without
 * a connection. `read`: sent again with each connection. `request`: sent once.
 */
type CallKind = 'publish' | 'volatile' | 'read' | 'request';

interface Call {
  readonly kind: CallKind;
  readonly text: string;
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
  readonly #onCount: () => void;
  readonly #calls = new Map<unknown, Call>();
  #lastId = 0;
  /** True while there is a connection. */
  #isOpen = false;
  /** How many publications may be sent until {@link #pacer} is due; how many then. */
  #publishesLeft = 0;
  #publishesAtOnce = Infinity;
  /** Running while publications are counted. */
  #pacer: unknown;

  /** @param onCount - called when there is a first call, or no call any more */
  constructor(host: TopicsHost, onCount: () => void) {
    this.#host = host;
    this.#onCount = onCount;
  }

  get count(): number {
    return this.#calls.size;
  }

  /**
   * Sends a frame, now or when there is a connection.
   *
   * @param frame - all members but `id`, which comes last
   * @param data - JSON of the member `data`
   * @returns the frame that answers
   */
  async send(kind: CallKind, frame: object, data?: string, options: RequestOptions = {}): Promise<Loose> {
    const { timeoutMs = kind === 'publish' || kind === 'volatile' ? PUBLISH_TIMEOUT_MS : CALL_TIMEOUT_MS, signal } =
      options;
    const { t, ...rest } = frame as Loose;
    const id = ++this.#lastId;
    const members = JSON.stringify({ ...rest, id }).slice(1);
    const text = `{"t":"${String(t)}",${data === undefined ? '' : `"data":${data},`}${members}`;
    if (kind === 'volatile' && !(this.#isOpen && this.#publishesLeft > 0)) {
      throw this.#notSent(this.#isOpen ? 'too many messages in a second' : 'there is no connection');
    }
    if (this.#calls.size >= MOST_CALLS) throw this.#error('ERR_OUTBOX_FULL', 'too many calls wait', 'no');
    const aborted = (): Error => this.#host.toError('ERR_ABORTED', 'the signal was aborted', { cause: signal?.reason });
    if (signal?.aborted) throw aborted();
    const onAbort = (): void => this.#take(id)?.reject(aborted());
    signal?.addEventListener('abort', onAbort);
    try {
      return await new Promise<Loose>((resolve, reject) => {
        const call: Call = { kind, text, timeoutMs, isSent: false, isOut: false, timer: undefined, resolve, reject };
        this.#calls.set(id, call);
        if (this.#calls.size === 1) this.#onCount();
        if (kind !== 'publish') this.#startTimer(id, call);
        if (this.#isOpen) this.#sendCall(id, call);
      });
    } finally {
      signal?.removeEventListener('abort', onAbort);
    }
  }

  /** There is a connection: sends what was not answered, in order. */
  open(): void {
    this.#isOpen = true;
    this.#publishesLeft = FIRST_PUBLICATIONS;
    for (const [id, call] of this.#calls) {
      call.isOut = false;
      this.#sendCall(id, call);
    }
  }

  /** The server has told how many publications it takes in a second. */
  pace(perSecond: number): void {
    this.#publishesAtOnce = Math.max(1, perSecond / 2);
    this.#goOn();
  }

  /** Sends the publications that had to wait, in order. */
  #goOn(): void {
    this.#publishesLeft = this.#publishesAtOnce;
    for (const [id, call] of this.#calls) this.#sendCall(id, call);
  }

  /** The connection is lost. What may not be sent twice fails. */
  lose(): void {
    this.#isOpen = false;
    this.#stopPacer();
    for (const [id, { kind, isSent }] of this.#calls) {
      if (!isSent || kind === 'publish' || kind === 'read') continue;
      const lost = 'the connection was lost before the answer came';
      this.#take(id)?.reject(
        kind === 'request'
          ? this.#error('ERR_CONNECTION_LOST', lost)
          : this.#error('ERR_PUBLISH_UNKNOWN', lost, 'unknown'),
      );
    }
  }

  /** There will be no connection any more, or none that knows topics: all calls fail. */
  end(why: string): void {
    this.#isOpen = false;
    this.#stopPacer();
    for (const [id, { kind, isSent }] of this.#calls) {
      const isUnknown = isSent && (kind === 'publish' || kind === 'volatile');
      this.#take(id)?.reject(isUnknown ? this.#error('ERR_PUBLISH_UNKNOWN', why, 'unknown') : this.#notSent(why));
    }
  }

  onAnswer(frame: Loose): void {
    this.#take(frame['id'])?.resolve(frame);
  }

  onRefused(frame: Loose): void {
    const { id, code, message, retryMs } = frame;
    const call = this.#calls.get(id);
    if (code === 'rate' && call?.kind === 'publish') {
      // It came too soon behind the others, and waits for its turn again.
      call.isOut = false;
      this.#publishesLeft = 0;
      this.#startPacer(toWait(retryMs));
      return;
    }
    const text = `${toText(code) ?? 'refused'}: ${toText(message) ?? ''}`;
    this.#take(id)?.reject(this.#error('ERR_TOPIC_REFUSED', text, 'no'));
  }

  #sendCall(id: unknown, call: Call): void {
    const isPublication = call.kind === 'publish' || call.kind === 'volatile';
    if (call.isOut || !this.#isOpen || (isPublication && this.#publishesLeft < 1)) return;
    if (!call.isSent && call.kind === 'publish') this.#startTimer(id, call);
    call.isSent = call.isOut = true;
    if (isPublication) {
      this.#publishesLeft--;
      this.#startPacer(PACE_MS);
    }
    this.#host.send(call.text);
  }

  #startPacer(ms: number): void {
    this.#pacer ??= this.#host.after(ms, () => {
      this.#pacer = undefined;
      this.#goOn();
    });
  }

  #stopPacer(): void {
    this.#host.cancel(this.#pacer);
    this.#pacer = undefined;
  }

  #startTimer(id: unknown, call: Call): void {
    call.timer = this.#host.after(call.timeoutMs, () => {
      const { kind, isSent, timeoutMs } = call;
      const text = `no answer within ${timeoutMs} ms`;
      const isPublication = kind === 'publish' || kind === 'volatile';
      const stored = isSent ? 'unknown' : 'no';
      this.#take(id)?.reject(
        isPublication ? this.#error('ERR_PUBLISH_UNKNOWN', text, stored) : this.#error('ERR_REQUEST_TIMEOUT', text),
      );
    });
  }

  /** Takes a call out, because it is settled. */
  #take(id: unknown): Call | undefined {
    const call = this.#calls.get(id);
    if (call === undefined) return undefined;
    this.#host.cancel(call.timer);
    this.#calls.delete(id);
    if (this.#calls.size === 0) this.#onCount();
    return call;
  }

  #notSent(why: string): Error {
    return this.#error('ERR_NOT_CONNECTED', why, 'no');
  }

  #error(code: Parameters<TopicsHost['toError']>[0], message: string, stored?: 'no' | 'unknown'): Error {
    return this.#host.toError(code, message, stored && { stored });
  }
}
