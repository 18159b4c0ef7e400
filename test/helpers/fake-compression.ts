import type { Compression, Deflater, Inflater, TransformDone } from '../../src/protocol/compression.ts';

/** The letter d, which the fake puts in front of a message instead of compressing it. */
const MARK = Buffer.from('d');
/** The letter x, in front of messages in which each byte inflates to four. */
const GROWING_MARK = Buffer.from('x');
const NOTHING = Buffer.alloc(0);

/**
 * A compression whose results a test can predict: a message gets the byte 64 in front. Jobs are done at once, or one by
 * one when the test calls {@link finishJob}.
 */
export class FakeCompression implements Compression {
  thresholdBytes = 0;
  readonly deflater: Deflater;
  readonly isShared = false;
  /** Number of messages that were compressed. */
  deflated = 0;
  readonly inflater: Inflater = {
    inflate: (compressed, maxBytes, done) => this.#do(() => this.#inflate(compressed, maxBytes, done)),
  };
  /** The error of each deflating from now on. */
  deflateError: Error | undefined;
  /** The error of each inflating from now on. */
  inflateError: Error | undefined;
  isAtOnce: boolean;
  readonly #jobs: (() => void)[] = [];

  constructor(isAtOnce: boolean, isShared = false) {
    this.isAtOnce = isAtOnce;
    this.deflater = { isShared, deflate: (payload, done) => this.#do(() => this.#deflate(payload, done)) };
  }

  /** Number of jobs that were begun and are not done. */
  get jobs(): number {
    return this.#jobs.length;
  }

  /** Does the oldest job that waits. */
  finishJob(): void {
    const job = this.#jobs.shift();
    if (job === undefined) throw new Error('no job waits');
    job();
  }

  /** Does all jobs, also jobs that are added meanwhile. */
  finishJobs(): void {
    while (this.#jobs.length > 0) this.finishJob();
  }

  #do(job: () => void): void {
    if (this.isAtOnce) job();
    else this.#jobs.push(job);
  }

  #inflate(compressed: Buffer, maxBytes: number, done: TransformDone): void {
    if (this.inflateError !== undefined) done(this.inflateError, NOTHING);
    else inflate(compressed, maxBytes, done);
  }

  #deflate(payload: Buffer, done: TransformDone): void {
    this.deflated++;
    if (this.deflateError !== undefined) done(this.deflateError, NOTHING);
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
