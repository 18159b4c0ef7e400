/** Prebuilt frames that repeat in a cycle. Several frames leave in one write. */
export class FrameCycle {
  /** Number of frames in the cycle. */
  readonly length: number;
  /** Runs of frames, by the number of their first frame and by their length. */
  readonly #runs: readonly (readonly Buffer[])[];

  /** @param maxBurst - most frames of one write */
  constructor(frames: readonly Buffer[], maxBurst: number) {
    this.length = frames.length;
    // The first frames are repeated at the end, so that a run that goes over the end is one piece.
    const all = Array.from({ length: frames.length + maxBurst }, (_, i) => frames[i % frames.length] as Buffer);
    const bytes = Buffer.concat(all);
    const begins = [0];
    for (const frame of all) begins.push((begins.at(-1) as number) + frame.length);
    this.#runs = frames.map((_, first) =>
      Array.from({ length: maxBurst + 1 }, (__, count) => bytes.subarray(begins[first], begins[first + count])),
    );
  }

  /** Returns the bytes of `count` frames from the frame `first` on. */
  run(first: number, count: number): Buffer {
    return this.#runs[first]?.[count] as Buffer;
  }

  /** Returns the number of the frame that follows `count` frames after `first`. */
  after(first: number, count: number): number {
    return (first + count) % this.length;
  }
}
