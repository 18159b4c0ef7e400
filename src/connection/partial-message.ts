/** Bytes of a message that earn the peer the full time again. */
export const STEP_BYTES = 16_384;

/**
 * How an unfinished message of the peer comes along.
 *
 * @remarks Times are those of the timer wheel. The object exists only while a message is unfinished.
 */
export class PartialMessage {
  /** The number that the protocol gave the message. */
  readonly id: number;
  /** When the next 16 KiB, or the rest of the message, must have come. */
  dueMs: number;
  readonly #timeoutMs: number;
  #beganMs: number;
  #bytes: number;
  /** Size at which the peer gets the full time again. */
  #nextStepBytes: number;
  /** For each byte the time from the beginning of the message until it came, added up. */
  #delaysMs = 0;

  /**
   * @param bytes - bytes that have come so far
   * @param timeoutMs - longest time for 16 KiB, or for the rest of the message
   */
  constructor(id: number, bytes: number, nowMs: number, timeoutMs: number) {
    this.id = id;
    this.#bytes = bytes;
    this.#nextStepBytes = bytes + STEP_BYTES;
    this.#beganMs = nowMs;
    this.#timeoutMs = timeoutMs;
    this.dueMs = nowMs + timeoutMs;
  }

  /** Notes that `bytes` bytes have come in all. */
  grow(bytes: number, nowMs: number): void {
    this.#delaysMs += (bytes - this.#bytes) * (nowMs - this.#beganMs);
    this.#bytes = bytes;
    if (bytes < this.#nextStepBytes) return;
    this.#nextStepBytes = bytes + STEP_BYTES;
    this.restart(nowMs);
  }

  /** Gives the peer the full time again. */
  restart(nowMs: number): void {
    this.dueMs = nowMs + this.#timeoutMs;
  }

  /** Leaves out a time in which nothing was read. */
  leaveOut(durationMs: number): void {
    this.#beganMs += durationMs;
  }

  /**
   * Returns for how long the bytes of a message that stands still have been here, on average, and 0 for a message that
   * comes along.
   *
   * @remarks The bytes of a message that comes steadily, however slowly, came in the middle of its age on average. A
   * message stands still when they came in the first quarter: whoever sends a part at once and then nothing, or next to
   * nothing, is soon there.
   */
  staleMs(nowMs: number): number {
    const ageMs = nowMs - this.#beganMs;
    const delayMs = this.#bytes === 0 ? 0 : this.#delaysMs / this.#bytes;
    return delayMs * 4 < ageMs ? ageMs - delayMs : 0;
  }
}
