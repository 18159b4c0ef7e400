import type { Outcome } from './outcome.ts';
import type { StreamCase } from './stream-case.ts';

/** A property of the outcome of a stream. */
export interface Feature {
  readonly name: string;
  /** Whether the feature is an end. Other features are combinations, which are too many for the corpus. */
  readonly isEnd: boolean;
}

/** Returns the features of an outcome: the exploration goes on from streams with a new feature. */
export function featuresOf({ role, deflates }: StreamCase, outcome: Outcome): Feature[] {
  const { messages, pongs, closeSent, closeReceived, error } = outcome;
  const who = `${role} ${deflates ? 'deflate' : 'plain'}`;
  const end = error ?? (closeReceived === undefined ? 'open' : `close ${codeClassOf(closeReceived)}`);
  const kinds = messages.map((message) => `${message.startsWith('text') ? 'text' : 'bytes'}${sizeOf(message.length)}`);
  const when = messages.length > 0 ? 'after a message' : 'at once';
  return [
    { name: `${who}: ${end}, ${codeClassOf(closeSent)}, ${when}`, isEnd: true },
    { name: `${who}: ${end}, ${sizeOf(messages.length)} messages, ${sizeOf(pongs.length)} pongs`, isEnd: false },
    ...kinds.map((kind, i) => ({ name: `${who}: ${kind} > ${kinds[i + 1] ?? end}`, isEnd: false })),
  ];
}

/** Names a close code. Codes of applications share a name per thousand. */
function codeClassOf(code: number | undefined): string {
  return code !== undefined && code >= 3000 ? `${Math.floor(code / 1000)}xxx` : String(code);
}

/** Rounds a number down to a power of two. */
function sizeOf(count: number): string {
  return count === 0 ? '0' : String(2 ** Math.floor(Math.log2(count)));
}
