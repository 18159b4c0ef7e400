import { parsePosition } from '../topics/position.ts';
import type { Since } from '../topics/topic-handler.ts';
import { tooLong } from './topic-publishing.ts';

/** Tells whether a subscription gets nothing older than what the client has had. */
export function isWithoutHistory(since: Since): boolean {
  if (since === 'now') return true;
  // An offset of 0 stands in front of the whole log. What is no position is a gap, behind which all is new.
  return typeof since === 'object' && 'after' in since && parsePosition(since.after)?.offset !== 0;
}

/** Returns the JSON of what a client publishes, or its bytes. */
export function readGiven(data: unknown, limit: number): string | Buffer | { readonly problem: string } {
  let given: string | Buffer;
  try {
    given = Buffer.isBuffer(data) ? data : JSON.stringify(data);
  } catch {
    return { problem: 'data is nested too deeply' };
  }
  const bytes = Buffer.byteLength(given);
  return bytes > limit ? { problem: tooLong(bytes, limit) } : given;
}
