/** Frames that follow one another again and again, built beforehand: several leave in one write. */
export class FrameCycle {
  /** How many there are before they begin again. */
  readonly length: number;
  /** By the number of the first frame, and by how many there are. */
  readonly #runs: readonly (readonly Buffer[])[];

  /** @param maxBurst - most frames of one write */
  constructor(frames: readonly Buffer[], maxBurst: number) {
    this.length = frames.length;
    // The first ones again, so that a run that goes over the end is one piece.
    const all = Array.from({ length: frames.length + maxBurst }, (_, i) => frames[i % frames.length] as Buffer);
    const bytes = Buffer.concat(all);
    const begins = [0];
    for (const frame of all) begins.push((begins.at(-1) as number) + frame.length);
    this.#runs = frames.map((_, first) =>
      Array.from({ length: maxBurst + 1 }, (__, count) => bytes.subarray(begins[first], begins[first + count])),
    );
  }

  /** The bytes of `count` frames, of which the first has this number. */
  run(first: number, count: number): Buffer {
    return this.#runs[first]?.[count] as Buffer;
  }

  /** The number of the frame that comes `count` frames after another. */
  after(first: number, count: number): number {
    return (first + count) % this.length;
  }
}
