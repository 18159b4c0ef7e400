import type { Buffer } from 'node:buffer';
import { BrokerError, type Entry, type ReadQuery, type Slice, type SliceGap } from '../topics/broker.ts';
import { random32 } from '../topics/random.ts';
import type { Reply } from './link.ts';
import { readStored } from './stored-entry.ts';

/** More than a topic ever has. */
const MOST = 2 ** 40;

/** The values of a question, in the order in which the script takes them. */
export function toReadValues({ after, before, last, limit, maxBytes, isStateWanted }: ReadQuery): string[] {
  return [
    ...(after === undefined ? ['', '', ''] : [after.epoch, `${after.offset}`, `${after.tag}`]),
    // A topic has no entry with offset 0, so nothing is in front of 1.
    before === undefined ? '0' : `${Math.max(1, Math.min(before, MOST))}`,
    last === undefined ? '' : `${Math.min(last, MOST)}`,
    `${Math.min(limit, MOST)}`,
    `${Math.min(maxBytes, MOST)}`,
    isStateWanted ? '1' : '',
    newEpoch(),
  ];
}

/** An epoch that no topic has had: 64 random bits. */
export function newEpoch(): string {
  return random32().toString(36) + random32().toString(36);
}

/** @throws BrokerError for an answer that no version of this library gives */
export function toSlice(reply: Reply, { isStateWanted }: ReadQuery): Slice {
  if (!Array.isArray(reply)) throw new BrokerError('unsupported', 'the server answers something else to a read');
  const [epoch, offset, tag, gap, entries, state] = reply as readonly Reply[];
  return {
    epoch: String(epoch),
    head: { offset: Number(offset), tag: Number(tag) },
    entries: toEntries(entries),
    gap: String(gap) === '' ? undefined : (String(gap) as SliceGap),
    state: isStateWanted ? toEntries(state) : undefined,
  };
}

function toEntries(reply: Reply | undefined): Entry[] {
  return (reply as readonly Buffer[]).map((stored) => {
    const entry = readStored(stored, 0);
    if (entry === undefined)
      throw new BrokerError('unsupported', 'an entry has another form: another program wrote it');
    return entry;
  });
}
