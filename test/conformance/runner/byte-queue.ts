/** A queue of bytes that joins chunks only when a read needs several of them. */
export class ByteQueue {
  #chunks: Buffer[] = [];
  #length = 0;

  get length(): number {
    return this.#length;
  }

  push(chunk: Buffer): void {
    if (chunk.length === 0) return;
    this.#chunks.push(chunk);
    this.#length += chunk.length;
  }

  /** Returns the next bytes without removing them, or undefined when there are fewer. */
  peek(bytes: number): Buffer | undefined {
    if (this.#length < bytes) return undefined;
    if (this.#chunks[0]!.length < bytes) {
      const parts: Buffer[] = [];
      for (let found = 0, index = 0; found < bytes; index++) {
        const chunk = this.#chunks[index]!;
        parts.push(chunk);
        found += chunk.length;
      }
      this.#chunks.splice(0, parts.length, Buffer.concat(parts));
    }
    return this.#chunks[0]!.subarray(0, bytes);
  }

  /** Removes and returns the next bytes. The queue must hold enough of them. */
  take(bytes: number): Buffer {
    if (bytes === 0) return Buffer.alloc(0);
    const taken = Buffer.alloc(bytes);
    for (let offset = 0; offset < bytes;) {
      const chunk = this.#chunks[0]!;
      const copied = chunk.copy(taken, offset);
      offset += copied;
      if (copied === chunk.length) this.#chunks.shift();
      else this.#chunks[0] = chunk.subarray(copied);
    }
    this.#length -= bytes;
    return taken;
  }
}
