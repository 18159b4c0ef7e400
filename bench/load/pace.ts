import { performance } from 'node:perf_hooks';
import type { Link } from './load.ts';

export type Pacing = Readonly<Record<'messagesPerSecond' | 'durationMs', number>>;
export type Quantiles = Readonly<Record<'p50' | 'p99', number>>;

/** Microseconds from when a message was due until its answer had come, and until it was sent: the error of the load. */
export interface PacedExchange extends Readonly<Record<'messages' | 'elapsedMs', number>> {
  readonly latency: Quantiles;
  readonly lateness: Quantiles;
}

export type Pace = ReturnType<typeof startPace>;

/**
 * Sends messages at fixed times, one link after the other, and counts the time of each answer from when its message was
 * due. A server that stands still therefore delays all messages that were due meanwhile, as it does for users. A load
 * that waits for answers would send fewer messages just then and hide the delay (coordinated omission). No timer of Node
 * is used, because these are late by up to a millisecond.
 */
export function startPace(links: readonly Link[], pacing: Pacing, drainTimeoutMs: number) {
  const intervalMs = 1000 / pacing.messagesPerSecond;
  const total = Math.max(1, Math.round(pacing.durationMs / intervalMs));
  const latencies = new Float64Array(total);
  const lateness = new Float64Array(total);
  const answeredEach = new Uint32Array(links.length);
  const beganAt = performance.now();
  const dueAt = (message: number): number => beganAt + message * intervalMs;
  let [sent, answered, lastAnswerAt] = [0, 0, 0];

  function sendDue(now: number): void {
    // The clock is read for each message, because sending many messages takes time.
    for (let at = now; sent < total && at >= dueAt(sent); at = performance.now()) {
      lateness[sent] = at - dueAt(sent);
      const link = links[sent++ % links.length] as Link;
      link.outstanding++;
      link.send(1);
    }
  }

  const result = new Promise<PacedExchange>((resolve, reject) => {
    setImmediate(function turn(): void {
      const now = performance.now();
      sendDue(now);
      if (answered === total) {
        const [latency, late] = [quantilesOf(latencies, 1000), quantilesOf(lateness, 1000)];
        resolve({ messages: total, elapsedMs: lastAnswerAt - beganAt, latency, lateness: late });
      } else if (now - dueAt(total) < drainTimeoutMs) setImmediate(turn);
      else reject(new Error(`messages lost: ${total - answered} of ${total} not answered`));
    });
  });

  return {
    result,
    onAnswers({ index }: Link, count: number): void {
      lastAnswerAt = performance.now();
      for (let i = 0; i < count; i++) {
        const message = (answeredEach[index] as number)++ * links.length + index;
        latencies[message] = lastAnswerAt - dueAt(message);
      }
      answered += count;
      // Messages are sent here too, so that reading many answers does not delay them.
      sendDue(lastAnswerAt);
    },
  };
}

/** Sorts `values` in place, and returns exact quantiles times a factor. */
export function quantilesOf(values: Float64Array, factor: number): Quantiles {
  values.sort();
  const at = (share: number): number => (values[Math.ceil(values.length * share) - 1] ?? Number.NaN) * factor;
  return { p50: at(0.5), p99: at(0.99) };
}
