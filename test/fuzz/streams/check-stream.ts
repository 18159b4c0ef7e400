import { compareOutcomes } from './differences.ts';
import { libraryOutcome } from './library-outcome.ts';
import type { Outcome } from './outcome.ts';
import type { StreamCase } from './stream-case.ts';
import { wsOutcome } from './ws-outcome.ts';

const OTHER_DELIVERIES = [{ sizes: [1] }, { sizes: [7, 1, 30], isSlow: true }, { isSlow: true }] as const;

const ERROR_CODES: ReadonlySet<number> = new Set([1002, 1007, 1008, 1009]);

/** The outcome of a stream, and the law that the stream breaks: `''` for none. */
export interface Verdict {
  readonly outcome: Outcome | undefined;
  readonly failure: string;
}

/**
 * Checks the laws for a stream: its outcome is messages, a close frame or an error of the table, the same for every
 * delivery, and the same as with `ws`.
 */
export async function checkStream(stream: StreamCase): Promise<Verdict> {
  let outcome: Outcome | undefined;
  try {
    outcome = await libraryOutcome(stream);
    return { outcome, failure: await failureOf(stream, outcome) };
  } catch (error) {
    return { outcome, failure: `threw ${error instanceof Error ? error.stack : String(error)}` };
  }
}

async function failureOf(stream: StreamCase, outcome: Outcome): Promise<string> {
  const { error, closeSent, closeReceived } = outcome;
  if (error !== undefined && !ERROR_CODES.has(closeSent ?? 0)) return `${error} sent ${closeSent}`;
  // RFC 6455 section 5.5.1: the answer to a close frame repeats its code.
  if (error === undefined && closeSent !== closeReceived) return `answered ${closeReceived} with ${closeSent}`;
  const text = JSON.stringify(outcome);
  for (const delivery of OTHER_DELIVERIES) {
    const other = JSON.stringify(await libraryOutcome(stream, delivery));
    if (other !== text) return `leads to ${text}\nand, delivered as ${JSON.stringify(delivery)}, to ${other}`;
  }
  return compareOutcomes(stream, outcome, await wsOutcome(stream));
}
