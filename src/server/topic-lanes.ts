import { Queue } from '../base/queue.ts';

/** Work that calls `done` once when it is over, at once or later. */
export type Job = (done: () => void) => void;

/** Lanes that work at the same time. */
const MAX_RUNNING = 8;

/** Jobs that may wait before {@link LanesOwner.onLanesFull} is called: those of a whole `sub` frame. */
const MAX_WAITING = 100;

/** Who stops reading while too many jobs wait. */
export interface LanesOwner {
  onLanesFull(): void;
  onLanesFree(): void;
}

/** The work of one connection: jobs of one lane run in order, one at a time, and {@link MAX_RUNNING} lanes at once. */
export class TopicLanes {
  readonly #owner: LanesOwner;
  /** Lanes that run, or wait for their turn, with the jobs that wait. */
  readonly #lanes = new Map<unknown, Queue<Job>>();
  /** Lanes that wait for their turn. */
  readonly #ready = new Queue<unknown>();
  #runningCount = 0;
  #waitingCount = 0;
  #isFull = false;
  #isPumping = false;
  #hasEnded = false;

  constructor(owner: LanesOwner) {
    this.#owner = owner;
  }

  get isFull(): boolean {
    return this.#isFull;
  }

  /** @param lane - a topic, or any object for a lane of its own */
  add(lane: unknown, job: Job): void {
    if (this.#hasEnded) return;
    const jobs = this.#lanes.get(lane);
    if (jobs === undefined) {
      const first = new Queue<Job>();
      first.push(job);
      this.#lanes.set(lane, first);
      this.#ready.push(lane);
    } else jobs.push(job);
    this.#waitingCount++;
    this.#pump();
    if (this.#waitingCount < MAX_WAITING || this.#isFull) return;
    this.#isFull = true;
    this.#owner.onLanesFull();
  }

  /** Drops the jobs that wait. Those that run are not waited for. */
  end(): void {
    this.#hasEnded = true;
    this.#lanes.clear();
  }

  /** Runs jobs in a loop: a thousand of them must not need a thousand stack frames. */
  #pump(): void {
    if (this.#isPumping) return;
    this.#isPumping = true;
    while (this.#runningCount < MAX_RUNNING) {
      const lane = this.#ready.shift();
      if (lane === undefined) break;
      this.#runNext(lane);
    }
    this.#isPumping = false;
    if (!this.#isFull || this.#waitingCount >= MAX_WAITING || this.#hasEnded) return;
    this.#isFull = false;
    this.#owner.onLanesFree();
  }

  #runNext(lane: unknown): void {
    const jobs = this.#lanes.get(lane);
    const job = jobs?.shift();
    if (jobs === undefined || job === undefined) return;
    this.#waitingCount--;
    this.#runningCount++;
    job(() => {
      this.#runningCount--;
      if (jobs.length > 0) this.#ready.push(lane);
      else this.#lanes.delete(lane);
      this.#pump();
    });
  }
}
