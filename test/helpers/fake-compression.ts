import type { Compression, Deflater, Inflater, TransformDone } from '../../src/protocol/compression.ts';

/** What the fake puts in front of a message instead of compressing it: the letter d. */
const MARK = Buffer.from('d');
/** Behind this letter, x, each byte stands for four. */
const GROWING_MARK = Buffer.from('x');
const NOTHING = Buffer.alloc(0);

/**
 * A compression that a test can see through: a message gets the byte 64 in front. Jobs are done at once, or one after
 * the other when the test says so.
 */
export class FakeCompression implements Compression {
  thresholdBytes = 0;
  readonly deflater: Deflater;
  readonly isShared = false;
  /** Messages that were compressed. */
  deflated = 0;
  readonly inflater: Inflater = {
    inflate: (compressed, maxBytes, done) => this.#do(() => inflate(compressed, maxBytes, done)),
  };
  /** Makes each deflating fail from now on. */
  breaksDeflating = false;
  isAtOnce: boolean;
  readonly #jobs: (() => void)[] = [];

  constructor(isAtOnce: boolean, isShared = false) {
    this.isAtOnce = isAtOnce;
    this.deflater = { isShared, deflate: (payload, done) => this.#do(() => this.#deflate(payload, done)) };
  }

  /** Jobs that were begun and are not done. */
  get jobs(): number {
    return this.#jobs.length;
  }

  /** Does the job that has waited longest. */
  finishJob(): void {
    const job = this.#jobs.shift();
    if (job === undefined) throw new Error('no job waits');
    job();
  }

  /** Does all jobs, also those that come up meanwhile. */
  finishJobs(): void {
    while (this.#jobs.length > 0) this.finishJob();
  }

  #do(job: () => void): void {
    if (this.isAtOnce) job();
    else this.#jobs.push(job);
  }

  #deflate(payload: Buffer, done: TransformDone): void {
    this.deflated++;
    if (this.breaksDeflating) done(new Error('broken'), NOTHING);
    else done(undefined, Buffer.concat([MARK, payload]));
  }
}

function inflate(compressed: Buffer, maxBytes: number, done: TransformDone): void {
  const repeat = compressed[0] === MARK[0] ? 1 : compressed[0] === GROWING_MARK[0] ? 4 : 0;
  const payload = compressed.subarray(1);
  if (repeat === 0) done(new Error('no mark'), NOTHING);
  else if (payload.length * repeat > maxBytes) done(new RangeError('too long'), NOTHING);
  else
    done(
      undefined,
      Buffer.from(new Uint8Array(payload.length * repeat).map((_, i) => payload[Math.floor(i / repeat)]!)),
    );
}
