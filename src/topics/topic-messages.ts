import type { FeedEntry } from './feed.ts';
import type { TopicMessage } from './topic-handler.ts';

/** Returns the data of an entry as programs get it. Bytes are a copy, which belongs to the receiver. */
function dataOf({ data }: FeedEntry): unknown {
  return typeof data === 'string' ? (JSON.parse(data) as unknown) : Buffer.from(data);
}

/**
 * Returns an entry as programs get it.
 *
 * @param isState - whether the entry is the last one of its key: then it has no position
 */
export function toTopicMessage(entry: FeedEntry, isState: boolean): TopicMessage {
  const { position, from } = entry;
  const { at, key } = entry.entry;
  return {
    data: dataOf(entry),
    ...(position !== undefined && !isState && { position }),
    ...(key !== undefined && { key }),
    at,
    ...(from !== undefined && { from }),
  };
}
