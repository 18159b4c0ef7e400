import { monotonicMs } from '../base/clock.ts';
import type { FrameProblem } from '../topics/frame-reader.ts';

/** How long a client may take to send publications again that were refused for now. */
const AGAIN_MS = 5000;
/** Most publications whose place is kept: what a client may send in 10 s, for which the outbox waits. */
const MOST_WAITING = 1000;

/** A publication, and its place among all that have come on the connection. It keeps the place when it comes again. */
export interface Arrival {
  /** Undefined for one that does not come again. */
  readonly mid: string | undefined;
  readonly number: number;
}

/**
 * Keeps the order of one client's publications where some are refused for now, which the client sends again: those behind
 * them are refused too until these have come again, because they would overtake them.
 */
export class TopicRefusals {
  #count = 0;
  /** What was refused and has not come again, in the order of the places. */
  #waiting: Arrival[] = [];
  #problem: FrameProblem | undefined;
  #untilMs = 0;

  /** Gives a publication its place. */
  arrive(mid: string | undefined): Arrival {
    const known = mid === undefined ? undefined : this.#waiting.find((each) => each.mid === mid);
    return known ?? { mid, number: this.#count++ };
  }

  /** Tells why a publication must wait for another one; undefined when it need not. */
  findFor(arrival: Arrival): FrameProblem | undefined {
    if (this.#waiting.length === 0 || arrival.mid === undefined) return undefined;
    // The client does not come back to what it has sent: nobody waits for that any more.
    if (monotonicMs() >= this.#untilMs) this.#waiting = [];
    if (this.#waiting[0] === arrival) this.#waiting.shift();
    else if (this.#waiting.length > 0) return this.#problem && this.note(arrival, this.#problem);
    return undefined;
  }

  /** A publication is refused for now. Returns why. */
  note(arrival: Arrival, problem: FrameProblem): FrameProblem {
    if (arrival.mid === undefined) return problem;
    this.#problem = problem;
    this.#untilMs = monotonicMs() + AGAIN_MS;
    if (this.#waiting.length >= MOST_WAITING || this.#waiting.includes(arrival)) return problem;
    // A later one may be refused before an earlier one: they may wait in different topics.
    const place = this.#waiting.findLastIndex(({ number }) => number < arrival.number) + 1;
    this.#waiting.splice(place, 0, arrival);
    return problem;
  }
}
