import { constants, createDeflateRaw, createInflateRaw, type DeflateRaw, type InflateRaw } from 'node:zlib';

/** The negotiated parameters as the runner sees them. */
export interface DeflateAgreement {
  readonly deflateBits: number;
  readonly deflateNoContextTakeover: boolean;
  readonly inflateBits: number;
  readonly inflateNoContextTakeover: boolean;
}

const TAIL = Buffer.from([0x00, 0x00, 0xff, 0xff]);

/**
 * Compresses with zlib streams, one for each direction (RFC 7692 section 7.2).
 *
 * @remarks The inflater has exactly the negotiated window, so a peer that exceeds its window is detected.
 */
export class MessageDeflate {
  readonly #agreement: DeflateAgreement;
  readonly #deflater: DeflateRaw;
  readonly #inflater: InflateRaw;

  constructor(agreement: DeflateAgreement) {
    this.#agreement = agreement;
    this.#deflater = createDeflateRaw({ windowBits: agreement.deflateBits, level: 1 });
    this.#inflater = createInflateRaw({ windowBits: agreement.inflateBits });
  }

  async deflate(payload: Buffer): Promise<Buffer> {
    const result = await transform(this.#deflater, [payload]);
    if (this.#agreement.deflateNoContextTakeover) this.#deflater.reset();
    return result.subarray(0, -TAIL.length);
  }

  async inflate(payload: Buffer): Promise<Buffer> {
    const result = await transform(this.#inflater, [payload, TAIL]);
    if (this.#agreement.inflateNoContextTakeover) this.#inflater.reset();
    return result;
  }

  close(): void {
    this.#deflater.close();
    this.#inflater.close();
  }
}

function transform(stream: DeflateRaw | InflateRaw, input: readonly Buffer[]): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const output: Buffer[] = [];
    const onData = (chunk: Buffer): void => void output.push(chunk);
    stream.on('data', onData);
    stream.once('error', reject);
    for (const part of input) stream.write(part);
    stream.flush(constants.Z_SYNC_FLUSH, () => {
      stream.off('data', onData);
      stream.off('error', reject);
      resolve(Buffer.concat(output));
    });
  });
}
