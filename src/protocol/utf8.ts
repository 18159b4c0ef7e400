import { isUtf8 } from 'node:buffer';

/**
 * Checks that a text arriving in pieces is UTF-8, and says so with the first piece that shows it is not.
 *
 * @remarks The bulk of a piece is checked by Node's native `isUtf8`; only a sequence that is cut by the end of a piece
 * goes byte by byte through the state below.
 * @see RFC 6455 section 8.1, RFC 3629 section 4
 */
export class Utf8Validator {
  /** Bytes still missing from the sequence that the last piece cut. */
  #missing = 0;
  /** Range of the next byte of that sequence. */
  #lowest = 0x80;
  #highest = 0xbf;

  /** Takes the next piece. @returns false when the text cannot be UTF-8, whatever follows */
  push(bytes: Buffer, start: number, end: number): boolean {
    let i = start;
    while (this.#missing > 0 && i < end) {
      if (!this.#continueSequence(bytes[i++] as number)) return false;
    }
    const cut = startOfCutSequence(bytes, i, end);
    if (cut > i && !isUtf8(bytes.subarray(i, cut))) return false;
    for (i = cut; i < end; i++) {
      const byte = bytes[i] as number;
      if (!(this.#missing > 0 ? this.#continueSequence(byte) : this.#beginSequence(byte))) return false;
    }
    return true;
  }

  /** Tells whether the text may end here. */
  get isComplete(): boolean {
    return this.#missing === 0;
  }

  #beginSequence(lead: number): boolean {
    // The ranges of RFC 3629 section 4: no overlong forms, no surrogates, nothing above U+10FFFF.
    if (lead < 0xc2 || lead > 0xf4) return false;
    this.#lowest = lead === 0xe0 ? 0xa0 : lead === 0xf0 ? 0x90 : 0x80;
    this.#highest = lead === 0xed ? 0x9f : lead === 0xf4 ? 0x8f : 0xbf;
    this.#missing = sequenceLength(lead) - 1;
    return true;
  }

  #continueSequence(byte: number): boolean {
    if (byte < this.#lowest || byte > this.#highest) return false;
    this.#lowest = 0x80;
    this.#highest = 0xbf;
    this.#missing--;
    return true;
  }
}

/** Where the last sequence of `bytes[start..end)` begins when its end is not there yet, else `end`. */
function startOfCutSequence(bytes: Buffer, start: number, end: number): number {
  for (let i = end - 1; i >= start && i >= end - 3; i--) {
    const byte = bytes[i] as number;
    if ((byte & 0xc0) !== 0x80) return sequenceLength(byte) > end - i ? i : end;
  }
  return end;
}

function sequenceLength(lead: number): number {
  if (lead < 0xc0) return 1;
  if (lead < 0xe0) return 2;
  return lead < 0xf0 ? 3 : 4;
}
