import { Buffer } from 'node:buffer';

/**
 * The version that this library writes. A reader understands this one and the one before.
 *
 * @remarks While a new version is deployed, old nodes read what new ones write, and tell a gap where they cannot. So a form comes
 * in two releases: the first one reads it, the second one writes it.
 */
const VERSION = 1;

const IS_BYTES = 1;
const HAS_FROM = 2;
const HAS_EXCEPT = 4;
const ALL_FLAGS = IS_BYTES | HAS_FROM | HAS_EXCEPT;

/** Version and flags. */
const HEAD_BYTES = 2;
/** Length of a name, in front of it. */
const LENGTH_BYTES = 4;

/** What an entry of a topic holds beside what its broker has to know. */
export interface EntryContent {
  /** JSON text of the data, or bytes. Bytes that were read share the memory of the entry. */
  readonly data: string | Uint8Array;
  /** The user who published it. */
  readonly from?: string | undefined;
  /** Public id of the session that does not get it. */
  readonly except?: string | undefined;
}

/** An entry, read: bytes are a Buffer. */
export interface ReadContent extends EntryContent {
  readonly data: string | Buffer;
}

/**
 * Writes the bytes of an entry: a version, flags, the names that are there, each behind its length, and the data.
 *
 * @remarks Nodes of two versions share a broker while they are deployed, and entries outlive both: the version comes first.
 */
export function writeEntryBytes({ data, from, except }: EntryContent): Buffer {
  const isText = typeof data === 'string';
  const fromBytes = from === undefined ? 0 : Buffer.byteLength(from);
  const exceptBytes = except === undefined ? 0 : Buffer.byteLength(except);
  const dataBytes = isText ? Buffer.byteLength(data) : data.byteLength;
  const namesBytes =
    (from === undefined ? 0 : LENGTH_BYTES + fromBytes) + (except === undefined ? 0 : LENGTH_BYTES + exceptBytes);
  const bytes = Buffer.allocUnsafe(HEAD_BYTES + namesBytes + dataBytes);
  bytes[0] = VERSION;
  bytes[1] = (isText ? 0 : IS_BYTES) | (from === undefined ? 0 : HAS_FROM) | (except === undefined ? 0 : HAS_EXCEPT);
  let offset = HEAD_BYTES;
  if (from !== undefined) offset = writeName(bytes, offset, from, fromBytes);
  if (except !== undefined) offset = writeName(bytes, offset, except, exceptBytes);
  if (isText) bytes.write(data, offset);
  else bytes.set(data, offset);
  return bytes;
}

/**
 * Reads the bytes of an entry. Never throws.
 *
 * @returns `'newer'` for an entry of a later version of this library; undefined for bytes that no version has written
 */
export function readEntryBytes(bytes: Buffer): ReadContent | 'newer' | undefined {
  const version = bytes[0] ?? 0;
  if (version > VERSION) return 'newer';
  const flags = bytes[1];
  if (version !== VERSION || flags === undefined || (flags & ~ALL_FLAGS) !== 0) return undefined;
  const from = readName(bytes, HEAD_BYTES, (flags & HAS_FROM) !== 0);
  const except = from && readName(bytes, from.end, (flags & HAS_EXCEPT) !== 0);
  if (except === undefined) return undefined;
  const data = (flags & IS_BYTES) === 0 ? bytes.toString('utf8', except.end) : bytes.subarray(except.end);
  return { data, from: from?.name, except: except.name };
}

function writeName(bytes: Buffer, offset: number, name: string, nameBytes: number): number {
  bytes.writeUInt32BE(nameBytes, offset);
  return offset + LENGTH_BYTES + bytes.write(name, offset + LENGTH_BYTES);
}

/** Reads a name that may not be there; undefined when the bytes end before it does. */
function readName(
  bytes: Buffer,
  offset: number,
  isThere: boolean,
): { readonly name: string | undefined; readonly end: number } | undefined {
  if (!isThere) return { name: undefined, end: offset };
  const start = offset + LENGTH_BYTES;
  if (start > bytes.length) return undefined;
  const end = start + bytes.readUInt32BE(offset);
  return end > bytes.length ? undefined : { name: bytes.toString('utf8', start, end), end };
}
