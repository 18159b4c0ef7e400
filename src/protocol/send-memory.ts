/** Most payload bytes in one piece: a multiple of 4, so that the masking key needs no rotation behind a full piece. */
export const MAX_PIECE_BYTES = 65_536;
/** Most UTF-16 code units of a text in one piece: each takes at most 3 bytes. */
export const MAX_PIECE_UNITS = 65_536;
/** The size of the memory of a piece, which has room for the header of a frame too. What is not used costs no memory. */
const PIECE_MEMORY_BYTES = MAX_PIECE_UNITS * 3 + 128;
/** Free pieces that are kept: 6 MiB, 2 MiB of which are used while texts are ASCII. */
const MAX_FREE_PIECES = 32;

const freePieces: Buffer[] = [];
/** The pieces in use, by their memory. A piece that is never given back is collected as garbage. */
const takenPieces = new WeakMap<ArrayBufferLike, Buffer>();

/**
 * Takes memory for a piece of a large message, which {@link givePieceBack} makes available to the next message.
 *
 * @remarks The system hands out new memory page by page, and takes it back. To copy 1 MiB took 94.9 microseconds into new
 * memory, and 12.9 into 64 KiB that are used again and again.
 */
export function takePiece(): Buffer {
  const piece = freePieces.pop() ?? Buffer.allocUnsafeSlow(PIECE_MEMORY_BYTES);
  takenPieces.set(piece.buffer, piece);
  return piece;
}

/**
 * Gives a piece back that nobody reads any more.
 *
 * @param part - any part of a piece. Other memory is left alone, and so is a piece that was given back before
 */
export function givePieceBack(part: Buffer): void {
  const piece = takenPieces.get(part.buffer);
  if (piece === undefined) return;
  takenPieces.delete(part.buffer);
  if (freePieces.length < MAX_FREE_PIECES) freePieces.push(piece);
}
