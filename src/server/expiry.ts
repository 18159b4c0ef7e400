import { wallMs } from '../base/clock.ts';
import { type Deadline, timers } from '../base/timers.ts';

/** The system clock is read again after this time at the latest, so that a change of the clock is noticed. */
const MAX_WAIT_MS = 60_000;

/** A subject that can expire. */
export interface Expirable {
  expire(): void;
}

/** Expires a subject at a moment of the system clock. */
export class Expiry implements Deadline {
  /** The moment, in milliseconds since 1970. */
  readonly at: number;
  readonly #subject: Expirable;
  #ticket: number;

  constructor(subject: Expirable, at: number) {
    this.#subject = subject;
    this.at = at;
    this.#ticket = this.#wait();
  }

  cancel(): void {
    timers.cancel(this, this.#ticket);
  }

  onDeadline(): void {
    if (wallMs() >= this.at) this.#subject.expire();
    else this.#ticket = this.#wait();
  }

  #wait(): number {
    return timers.schedule(this, Math.min(Math.max(this.at - wallMs(), 0), MAX_WAIT_MS));
  }
}
