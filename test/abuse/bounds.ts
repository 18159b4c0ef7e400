import { maxHeaderSize } from 'node:http';

/** What a connection costs while nothing of it waits: its objects in the library, in Node and in V8. */
export const CONNECTION_BYTES = 16_384;

/** What a socket costs whose request is not complete: Node reads at most `maxHeaderSize` bytes of it, into strings. */
export const HANDSHAKE_BYTES: number = CONNECTION_BYTES + 2 * maxHeaderSize;

/** What Node reads a socket into. While bytes pour in, each socket may have one that nobody has collected yet. */
export const READ_BUFFER_BYTES = 65_536;

/** What a busy process takes beyond all that it holds: V8's young generation, which is three times 16 MiB of garbage. */
const PROCESS_BYTES = 50_331_648;
/** As a share of what is held: memory that was given back to the allocator, which cannot give it to the system. */
const ALLOCATOR_SHARE = 1 / 8;

/** The figures of this file, in words. */
export const ALLOWANCES: string =
  `A connection counts for ${CONNECTION_BYTES} bytes, and for ${READ_BUFFER_BYTES} more while bytes pour in (Node's read ` +
  `buffer). Allowed are an eighth more (what the allocator keeps) and ${PROCESS_BYTES} bytes for the process.`;

/** What a process may hold in all for so many peers. */
export function allowedBytes(peers: number, bytesEach: number): number {
  return Math.ceil(peers * bytesEach * (1 + ALLOCATOR_SHARE)) + PROCESS_BYTES;
}
