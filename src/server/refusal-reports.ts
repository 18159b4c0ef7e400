import { monotonicMs } from '../base/clock.ts';
import type { RefusalCause } from '../diagnostics/channels.ts';
import type { UpgradeRefusal } from '../http/upgrade-refusal.ts';
import type { RequestInfo } from './request-info.ts';

/** Most calls of `onRefuse` within {@link PERIOD_MS}: a flood of refused clients must not keep the server busy. */
const MAX_CALLS = 100;
const PERIOD_MS = 1000;

/** A client was refused. */
export interface RefuseEvent {
  readonly type: 'refuse';
  /**
   * HTTP status of the answer. The client does not get it when it has gone, and when it gets a close code in its place
   * ({@link RefuseOptions.closeCode}).
   */
  readonly status: number;
  /** Why, as the answer says it; the body of the answer when `onConnection` returned `refuse(…)`. */
  readonly reason: string;
  /** Why, for programs. */
  readonly cause: RefusalCause;
  /** What to change on the server to let such clients in, for people. The client does not get it. */
  readonly advice: string;
  /** The request of the client. */
  readonly request: RequestInfo;
  /** Refusals since the last call that `onRefuse` was not called for, because it is called 100 times a second at most. */
  readonly suppressed: number;
}

/** Makes the events of `onRefuse`, and leaves out what exceeds the limit. */
export class RefusalReports {
  /** When `onRefuse` was called within the last {@link PERIOD_MS}, oldest first. */
  readonly #calls: number[] = [];
  /** Events that wait for their call. */
  #waitingCount = 0;
  #suppressedCount = 0;

  /** Makes the event of a refusal, which the caller delivers; undefined when it is left out. */
  report(
    { status, reason, advice }: UpgradeRefusal,
    cause: RefusalCause,
    describe: () => RequestInfo,
  ): RefuseEvent | undefined {
    const startMs = monotonicMs() - PERIOD_MS;
    while (this.#calls.length > 0 && (this.#calls[0] as number) <= startMs) this.#calls.shift();
    if (this.#calls.length + this.#waitingCount >= MAX_CALLS) {
      this.#suppressedCount++;
      return undefined;
    }
    const suppressed = this.#suppressedCount;
    this.#suppressedCount = 0;
    this.#waitingCount++;
    return { type: 'refuse', status, reason, cause, advice, request: describe(), suppressed };
  }

  /** Called when an event is delivered: calls of the last second and waiting events together never exceed the limit. */
  onDelivery(): void {
    this.#waitingCount--;
    this.#calls.push(monotonicMs());
  }
}
