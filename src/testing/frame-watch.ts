const END_OF_HEAD = '\r\n\r\n';
const MAX_HEAD_BYTES = 65_536;
/** The longest header: 2 bytes, 8 of length, 4 of mask. */
const MAX_HEADER_BYTES = 14;
const OPCODE_BITS = 0x0f;
const OPCODE_CLOSE = 8;

/** Follows the bytes of one direction, from the head of HTTP through the frames, and can lose close frames. */
export class FrameWatch {
  /** True to drop each close frame from now on. */
  losesCloseFrames = false;
  /** The head of HTTP as far as it has come, then all of it. */
  head = '';
  #isHeadOver = false;
  /** The beginning of a frame whose header is not whole, which has been passed on already. */
  #header: Buffer = Buffer.alloc(0);
  /** Bytes of the present frame that are still to come. */
  #restBytes = 0;
  #isLosing = false;

  /** Returns the bytes that go on to the peer. */
  pass(chunk: Buffer): Buffer {
    let rest = chunk;
    const passed: Buffer[] = [];
    if (!this.#isHeadOver) {
      const bytes = this.#readHead(chunk);
      passed.push(chunk.subarray(0, bytes));
      rest = chunk.subarray(bytes);
    }
    while (rest.length > 0) {
      const taken = this.#restBytes > 0 ? this.#passPayload(rest, passed) : this.#passHeader(rest, passed);
      rest = rest.subarray(taken);
    }
    return passed.length === 1 ? (passed[0] as Buffer) : Buffer.concat(passed);
  }

  /** Returns how many bytes belong to the head. */
  #readHead(chunk: Buffer): number {
    const before = this.head.length;
    this.head += chunk.toString('latin1');
    const end = this.head.indexOf(END_OF_HEAD);
    if (end < 0 && this.head.length < MAX_HEAD_BYTES) return chunk.length;
    this.#isHeadOver = true;
    const length = end < 0 ? this.head.length : end + END_OF_HEAD.length;
    this.head = this.head.slice(0, length);
    return length - before;
  }

  #passPayload(bytes: Buffer, passed: Buffer[]): number {
    const part = bytes.subarray(0, this.#restBytes);
    this.#restBytes -= part.length;
    if (!this.#isLosing) passed.push(part);
    return part.length;
  }

  #passHeader(bytes: Buffer, passed: Buffer[]): number {
    const held = this.#header.length;
    if (held === 0) {
      this.#isLosing = this.losesCloseFrames && ((bytes[0] as number) & OPCODE_BITS) === OPCODE_CLOSE;
    }
    this.#header = Buffer.concat([this.#header, bytes.subarray(0, MAX_HEADER_BYTES - held)]);
    const lengths = readFrameLengths(this.#header);
    const taken = lengths === undefined ? bytes.length : lengths.headerBytes - held;
    if (!this.#isLosing) passed.push(bytes.subarray(0, taken));
    if (lengths !== undefined) {
      this.#header = Buffer.alloc(0);
      this.#restBytes = lengths.payloadBytes;
    }
    return taken;
  }
}

/** The lengths that the header of a frame tells (RFC 6455 section 5.2). */
interface FrameLengths {
  readonly headerBytes: number;
  readonly payloadBytes: number;
}

/** Reads the lengths of a frame; undefined while its header is not whole. */
function readFrameLengths(bytes: Buffer): FrameLengths | undefined {
  const second = bytes[1];
  if (second === undefined) return undefined;
  const isMasked = (second & 0x80) !== 0;
  const short = second & 0x7f;
  const extendedBytes = { 126: 2, 127: 8 }[short] ?? 0;
  const headerBytes = 2 + extendedBytes + (isMasked ? 4 : 0);
  if (bytes.length < headerBytes) return undefined;
  if (extendedBytes === 0) return { headerBytes, payloadBytes: short };
  const payloadBytes = extendedBytes === 2 ? bytes.readUInt16BE(2) : Number(bytes.readBigUInt64BE(2));
  return { headerBytes, payloadBytes };
}
