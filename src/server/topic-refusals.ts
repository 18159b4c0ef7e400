import { monotonicMs } from '../base/clock.ts';
import type { FrameProblem } from '../topics/frame-reader.ts';

/** How long a client may take to send a publication again that was refused for now. */
const AGAIN_MS = 5000;

/** A publication, and its place among all that have come on the connection. */
export interface Arrival {
  /** Undefined for one that does not come again. */
  readonly mid: string | undefined;
  readonly number: number;
}

/**
 * Keeps the order of one client's publications where some are refused for now, which the client sends again: until the
 * first of these comes again, those behind it are refused too, because they would overtake it.
 */
export class TopicRefusals {
  #count = 0;
  /** Of the refused ones the one that came first, whichever was refused first. */
  #first: { readonly arrival: Arrival; readonly problem: FrameProblem; readonly untilMs: number } | undefined;

  /** Gives a publication its place. */
  arrive(mid: string | undefined): Arrival {
    return { mid, number: this.#count++ };
  }

  /** Tells why a publication must wait for another one; undefined when it need not. */
  findFor({ mid }: Arrival): FrameProblem | undefined {
    const first = this.#first;
    if (first === undefined || mid === undefined) return undefined;
    if (first.arrival.mid !== mid && monotonicMs() < first.untilMs) return first.problem;
    this.#first = undefined;
    return undefined;
  }

  /** A publication is refused for now. */
  note(arrival: Arrival, problem: FrameProblem): void {
    if (arrival.mid === undefined || arrival.number >= (this.#first?.arrival.number ?? Infinity)) return;
    this.#first = { arrival, problem, untilMs: monotonicMs() + AGAIN_MS };
  }
}
