import type { Buffer } from 'node:buffer';
import type { Append, Entry } from '../topics/broker.ts';

/** What the scripts write in front of an entry: `offset-tag-tag of the entry before`, time, ttl in ms, bytes of meta. */
const HEADER = /^(\d+)-(\d+)-(\d+) (\d+) (\d+) (\d+) /;

/** No header is longer. */
const LONGEST_HEADER = 96;

/** What an entry has beside its bytes, as JSON. Most entries have nothing, and no JSON. */
interface Meta {
  readonly k?: string;
  readonly r?: 1;
  readonly o?: string;
}

/** Writes what the scripts keep with the bytes of an entry. */
export function writeMeta({ key, isRemoved, owner }: Append): string {
  if (key === undefined && owner === undefined) return '';
  const meta: Meta = {
    ...(key !== undefined && { k: key }),
    ...(isRemoved && { r: 1 }),
    ...(owner !== undefined && { o: owner }),
  };
  return JSON.stringify(meta);
}

/** Reads an entry as a script has written it, from some byte on. Undefined for what no version of this library writes. */
export function readStored(stored: Buffer, from: number): Entry | undefined {
  const header = HEADER.exec(stored.toString('latin1', from, from + LONGEST_HEADER));
  if (header === null) return undefined;
  const [text, offset, tag, prevTag, at, ttl, metaBytes] = header;
  const metaStart = from + text.length;
  const start = metaStart + Number(metaBytes);
  const meta = start === metaStart ? {} : readMeta(stored.toString('utf8', metaStart, start));
  if (meta === undefined) return undefined;
  const place = Number(offset);
  return {
    offset: place,
    tag: Number(tag),
    prev: Math.max(0, place - 1),
    prevTag: Number(prevTag),
    at: Number(at),
    key: meta.k,
    isRemoved: meta.r === 1 ? true : undefined,
    owner: meta.o,
    ttl: ttl === '0' ? undefined : Number(ttl) / 1000,
    bytes: stored.subarray(start),
  };
}

/** Reads an announcement: the epoch of the topic, a space, the entry. */
export function readAnnounced(message: Buffer): { readonly epoch: string; readonly entry: Entry } | undefined {
  const end = message.indexOf(0x20);
  const entry = readStored(message, end + 1);
  return entry && { epoch: message.toString('latin1', 0, end), entry };
}

function readMeta(json: string): Meta | undefined {
  try {
    return JSON.parse(json) as Meta;
  } catch {
    return undefined;
  }
}
