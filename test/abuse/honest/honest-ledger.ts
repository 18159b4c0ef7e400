/** Counts of the messages of honest clients by their outcome. */
export interface HonestReport {
  readonly sent: number;
  readonly answered: number;
  /** Messages without an answer by the end. */
  readonly lost: number;
  /** Answers that came a second time. */
  readonly doubled: number;
  /** Answers that equal no message of the client. */
  readonly changed: number;
  /** Reasons of connections that ended too early. */
  readonly broken: readonly string[];
  readonly latencies: Readonly<Record<string, Latency>>;
}

/** Times that messages took to come back, in milliseconds. */
export interface Latency {
  readonly count: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
}

/** The part of the run that a message was sent in. */
export type Phase = 'before' | 'during' | 'measuring';

/** Counts the messages of honest clients. */
export class HonestLedger {
  phase: Phase = 'before';
  #sent = 0;
  #answered = 0;
  #lost = 0;
  #doubled = 0;
  #changed = 0;
  readonly #broken: string[] = [];
  readonly #latencies: Record<Phase, number[]> = { before: [], during: [], measuring: [] };

  onSent(): void {
    this.#sent++;
  }

  onAnswered(phase: Phase, latencyMs: number): void {
    this.#answered++;
    this.#latencies[phase].push(latencyMs);
  }

  onLost(count: number): void {
    this.#lost += count;
  }

  onDoubled(): void {
    this.#doubled++;
  }

  onChanged(): void {
    this.#changed++;
  }

  onBroken(reason: string): void {
    this.#broken.push(reason);
  }

  get report(): HonestReport {
    return {
      sent: this.#sent,
      answered: this.#answered,
      lost: this.#lost,
      doubled: this.#doubled,
      changed: this.#changed,
      broken: this.#broken,
      latencies: Object.fromEntries(
        Object.entries(this.#latencies).map(([phase, values]) => [phase, summarize(values)]),
      ),
    };
  }
}

function summarize(values: readonly number[]): Latency {
  const sorted = values.toSorted((left, right) => left - right);
  const at = (share: number): number => sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0;
  return { count: sorted.length, p50Ms: at(0.5), p99Ms: at(0.99) };
}
