import { maxHeaderSize } from 'node:http';

/** Memory of an idle connection: its objects in the library, in Node and in V8. */
export const CONNECTION_BYTES = 16_384;

/** Memory of a socket with an incomplete request: Node reads at most `maxHeaderSize` bytes of it into strings. */
export const HANDSHAKE_BYTES: number = CONNECTION_BYTES + 2 * maxHeaderSize;

/** Size of Node's read buffer. While bytes pour in, each socket may have one that is not collected yet. */
export const READ_BUFFER_BYTES = 65_536;

/** Garbage of a busy process: V8's young generation, which is three times 16 MiB. */
const PROCESS_BYTES = 50_331_648;
/** Share of the held memory that the allocator keeps after it was freed, because it cannot return it to the system. */
const ALLOCATOR_SHARE = 1 / 8;

/** The figures of this file as text. */
export const ALLOWANCES: string =
  `A connection counts as ${CONNECTION_BYTES} bytes, and ${READ_BUFFER_BYTES} more while bytes pour in (Node's read ` +
  `buffer). An eighth more (kept by the allocator) and ${PROCESS_BYTES} bytes for the process are allowed.`;

/** Memory that a process may hold in all for a number of peers. */
export function allowedBytes(peers: number, bytesEach: number): number {
  return Math.ceil(peers * bytesEach * (1 + ALLOCATOR_SHARE)) + PROCESS_BYTES;
}
