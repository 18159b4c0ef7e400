import { randomFillSync } from 'node:crypto';

const words = new Uint32Array(256);
let next = words.length;

/** 32 random bits that nobody can foretell. */
export function random32(): number {
  if (next === words.length) {
    randomFillSync(words);
    next = 0;
  }
  return words[next++] ?? 0;
}
