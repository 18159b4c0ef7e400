import { expect, test } from 'vitest';
import { givePieceBack, MAX_PIECE_BYTES, takePiece } from '../../src/protocol/send-memory.ts';

test('a piece has room for its payload and a header, and is taken again after any part of it was given back', () => {
  const piece = takePiece();
  expect(piece.length).toBeGreaterThanOrEqual(MAX_PIECE_BYTES + 14);
  givePieceBack(piece.subarray(10, 20));
  expect(takePiece()).toBe(piece);
  givePieceBack(piece);
});

test('a piece in use is taken by nobody else, also when it was given back twice', () => {
  const piece = takePiece();
  expect(takePiece()).not.toBe(piece);
  givePieceBack(piece);
  givePieceBack(piece);
  expect(takePiece()).toBe(piece);
  expect(takePiece()).not.toBe(piece);
});

test('memory that is no piece is left alone, whatever its size', () => {
  const foreign = Buffer.allocUnsafeSlow(takePiece().length);
  givePieceBack(foreign);
  expect(Array.from(Array(100), takePiece)).not.toContain(foreign);
});

test('at most 6 MiB of free pieces are kept', () => {
  const pieces = Array.from(Array(1000), takePiece);
  for (const piece of pieces) givePieceBack(piece);
  const again = new Set(Array.from(Array(1000), takePiece));
  expect(pieces.filter((piece) => again.has(piece))).toHaveLength(32);
});
