/** The files that the server under attack serves. */
export const SMALL_FILE = 'small.txt';
export const BIG_FILE = 'big.bin';

/** More than the buffers of the system take from a server for a peer that does not read. */
export const BIG_FILE_BYTES = 16_777_216;

/**
 * Memory of a file that is being sent: the piece that was read, the piece that is being written, and one between them.
 * Each counts twice, because the allocator keeps pieces that were freed: megabytes pass before a peer stalls.
 */
export const FILE_BYTES: number = 2 * 3 * 65_536;
