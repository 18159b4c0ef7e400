import type { Outcome } from './outcome.ts';
import type { StreamCase } from './stream-case.ts';

/** Something that a stream has reached. */
export interface Feature {
  readonly name: string;
  /** Whether it is an end of its own, and not one more combination: those are too many for the corpus. */
  readonly isEnd: boolean;
}

/** What a stream has reached: one that reaches something new is worth to go on from. */
export function featuresOf({ role, deflates }: StreamCase, outcome: Outcome): Feature[] {
  const { messages, pongs, closeSent, closeHeard, error } = outcome;
  const who = `${role} ${deflates ? 'deflate' : 'plain'}`;
  const end = error ?? (closeHeard === undefined ? 'open' : `close ${codeClassOf(closeHeard)}`);
  const kinds = messages.map((message) => `${message.startsWith('text') ? 'text' : 'bytes'}${sizeOf(message.length)}`);
  const isAfterMessage = messages.length > 0 ? 'after a message' : 'at once';
  return [
    { name: `${who}: ${end}, ${codeClassOf(closeSent)}, ${isAfterMessage}`, isEnd: true },
    { name: `${who}: ${end}, ${sizeOf(messages.length)} messages, ${sizeOf(pongs.length)} pongs`, isEnd: false },
    ...kinds.map((kind, i) => ({ name: `${who}: ${kind} > ${kinds[i + 1] ?? end}`, isEnd: false })),
  ];
}

/** Codes of applications are all alike. */
function codeClassOf(code: number | undefined): string {
  return code !== undefined && code >= 3000 ? `${Math.floor(code / 1000)}xxx` : String(code);
}

/** A number by its magnitude. */
function sizeOf(count: number): string {
  return count === 0 ? '0' : String(2 ** Math.floor(Math.log2(count)));
}
