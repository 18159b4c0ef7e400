import { setImmediate } from 'node:timers/promises';
import type { ConformanceCase, ExchangeStep, MessageStep, Step, WaitStep } from '../case.ts';
import type { RunnerConnection, Seen } from './connection.ts';
import { FIN, RSV1 } from './frame-code.ts';
import { type CaseResult, judge, matches, type Observed } from './judge.ts';
import { bytesOf } from './payload.ts';

/** The waiting times of the runner. */
export interface Patience {
  /** The longest wait for an event that must arrive. */
  readonly timeoutMs: number;
  /** How long the runner watches that a peer does nothing. */
  readonly quietMs: number;
  /** How soon a peer must fail. The time is long enough for a busy machine, and is not used up by a quick peer. */
  readonly promptMs: number;
}

/** Runs a case over an open connection, and ends the connection. */
export async function runCase(
  testCase: ConformanceCase,
  connection: RunnerConnection,
  patience: Patience,
): Promise<CaseResult> {
  const run = new CaseRun(testCase, connection, patience);
  try {
    await run.run();
    return judge(testCase, run.observed);
  } finally {
    connection.destroy();
  }
}

class CaseRun {
  readonly #case: ConformanceCase;
  readonly #connection: RunnerConnection;
  readonly #patience: Patience;
  readonly observed: Observed = {
    events: [],
    closeCode: undefined,
    isPeerFirst: false,
    isSlow: false,
    problem: undefined,
  };
  /** The frames of the next write. */
  #unsent: Buffer[] = [];
  #isOver = false;

  constructor(testCase: ConformanceCase, connection: RunnerConnection, patience: Patience) {
    this.#case = testCase;
    this.#connection = connection;
    this.#patience = patience;
  }

  async run(): Promise<void> {
    for (const step of this.#case.steps) {
      await this.#take(step);
      if (this.#isOver) break;
    }
    await this.#flush();
    const { ending, expected } = this.#case;
    if (ending.by === 'runner' && !this.#connection.hasSentClose) {
      await this.#readUntil(() => this.observed.events.length >= expected.length, 'an answer did not come');
      if (!this.#isOver) this.#connection.write(this.#connection.frame(0x88, Buffer.from([0x03, 0xe8])));
    }
    await this.#readUntil(() => false, 'the connection did not end');
  }

  async #take(step: Step): Promise<void> {
    if ('wait' in step) {
      await this.#flush();
      await this.#wait(step);
    } else if ('exchange' in step) {
      await this.#exchange(step);
    } else if ('message' in step) {
      this.#unsent.push(...this.#messageFrames(step, bytesOf(step.payload), false));
    } else if ('rest' in step) {
      this.#unsent.push(this.#connection.rest(bytesOf(step.rest)));
    } else {
      this.#unsent.push(this.#connection.frame(step.frame, bytesOf(step.payload), step));
    }
  }

  async #wait({ wait }: WaitStep): Promise<void> {
    if (wait === 'event') {
      const wanted = this.observed.events.length + 1;
      await this.#readUntil(() => this.observed.events.length >= wanted, 'an answer did not come');
      return;
    }
    const { quietMs, promptMs } = this.#patience;
    const seen = await this.#connection.next(wait === 'quiet' ? quietMs : promptMs);
    if (seen !== undefined) this.#connection.putBack(seen);
    if (wait === 'failure') {
      if (seen === undefined) this.observed.isSlow = true;
      // The remaining steps are for peers that have not failed yet.
      else this.#isOver = seen.kind === 'end' || seen.kind === 'close';
      if (this.#isOver) await this.#drain();
    } else if (seen !== undefined) {
      this.#fail('the peer did not wait');
    }
  }

  async #drain(): Promise<void> {
    this.#isOver = false;
    await this.#readUntil(() => false, 'the connection did not end');
    this.#isOver = true;
  }

  async #exchange(step: ExchangeStep): Promise<void> {
    for (let index = 0; index < step.exchange; index++) {
      const payload = bytesOf(step.payload, index);
      const { deflate } = this.#connection;
      const content = deflate === undefined ? payload : await deflate.deflate(payload);
      this.#connection.write(Buffer.concat(this.#messageFrames(step, content, deflate !== undefined)));
      const seen = await this.#connection.next(this.#patience.timeoutMs);
      if (seen !== undefined && matches(seen, step.message, payload)) continue;
      if (seen === undefined) this.#fail(`echo ${index} did not come`);
      else {
        this.#see(seen);
        this.#fail(`instead of echo ${index} came ${seen.kind}`);
      }
      return;
    }
  }

  #messageFrames(
    { message, fragmentBytes }: MessageStep | ExchangeStep,
    content: Buffer,
    isCompressed: boolean,
  ): Buffer[] {
    const frames: Buffer[] = [];
    const frameBytes = fragmentBytes ?? Math.max(1, content.length);
    let offset = 0;
    do {
      const end = offset + frameBytes;
      const opcode = offset > 0 ? 0 : message === 'text' ? 1 : 2;
      const bits = (end >= content.length ? FIN : 0) | (isCompressed && offset === 0 ? RSV1 : 0);
      frames.push(this.#connection.frame(bits | opcode, content.subarray(offset, end)));
      offset = end;
    } while (offset < content.length);
    return frames;
  }

  /** Writes the collected frames in the pieces that the case demands. */
  async #flush(): Promise<void> {
    const frames = this.#unsent;
    this.#unsent = [];
    const { chop } = this.#case;
    if (chop === undefined) {
      if (frames.length > 0) this.#connection.write(Buffer.concat(frames));
      return;
    }
    for (const piece of chop === 'frames' ? frames : cut(Buffer.concat(frames), chop)) {
      if (this.#connection.hasEnded) return;
      this.#connection.write(piece);
      // Each write needs its own turn of the event loop, or the peer would receive one chunk.
      await setImmediate();
    }
  }

  async #readUntil(isEnough: () => boolean, problem: string): Promise<void> {
    while (!this.#isOver && !isEnough()) {
      const seen = await this.#connection.next(this.#patience.timeoutMs);
      if (seen === undefined) this.#fail(`${problem} within ${this.#patience.timeoutMs} ms`);
      else this.#see(seen);
    }
  }

  #see(seen: Seen): void {
    if (seen.kind === 'message' || seen.kind === 'pong') this.observed.events.push(seen);
    else if (seen.kind === 'violation') this.#fail(seen.problem);
    else if (seen.kind === 'end') this.#isOver = true;
    else {
      this.observed.closeCode = seen.code;
      this.observed.isPeerFirst = this.#connection.isPeerFirst;
    }
  }

  #fail(problem: string): void {
    this.observed.problem ??= problem;
    this.#isOver = true;
  }
}

function* cut(bytes: Buffer, size: number): Iterable<Buffer> {
  for (let offset = 0; offset < bytes.length; offset += size) yield bytes.subarray(offset, offset + size);
}
