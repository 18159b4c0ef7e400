import { type Deadline, timers } from '../base/timers.ts';

/** A changed system clock is noticed after this time at the latest. */
const MAX_WAIT_MS = 60_000;

/** What can expire. */
export interface Expirable {
  expire(): void;
}

/** Waits for a moment of the system clock. */
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
    if (Date.now() >= this.at) this.#subject.expire();
    else this.#ticket = this.#wait();
  }

  #wait(): number {
    return timers.schedule(this, Math.min(Math.max(this.at - Date.now(), 0), MAX_WAIT_MS));
  }
}
